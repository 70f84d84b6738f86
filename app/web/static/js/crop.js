/* A picture that is wider than high, chosen as a photo: an upright part is cut out before it is sent. By pointer or keys.
   Without script the server refuses it and says what to do. */
import { create, find, on } from './dom.js';

const RATIO = 5 / 7; // width by height of an ID photo of one inch or two
const LEAST = 276; // points of its height, as the server asks for
const MOST = 1200;
const STEP = 0.02; // of the picture's height
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let job = null; // { dialog, canvas, input, picture, name, x, y, height }: the frame in points of the picture

const between = (least, value, most) => Math.max(least, Math.min(value, most));

function draw() {
  const { canvas, picture, x, y, height } = job;
  const scale = canvas.width / picture.naturalWidth;
  const part = [x, y, height * RATIO, height].map((side) => side * scale);
  const pen = canvas.getContext('2d');
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  pen.beginPath();
  pen.rect(0, 0, canvas.width, canvas.height);
  pen.rect(...part);
  pen.fillStyle = 'rgba(0, 0, 0, 0.55)';
  pen.fill('evenodd');
  pen.strokeStyle = '#fff';
  pen.lineWidth = 2;
  pen.strokeRect(...part);
}

function place(x, y, height) {
  const { naturalWidth, naturalHeight } = job.picture;
  job.height = between(Math.min(LEAST, naturalHeight), height, naturalHeight);
  job.x = between(0, x, naturalWidth - job.height * RATIO);
  job.y = between(0, y, naturalHeight - job.height);
  draw();
}

/** Larger or smaller about its middle. */
function zoom(sign) {
  const height = job.height * (sign === '+' ? 1.1 : 1 / 1.1);
  place(job.x + ((job.height - height) * RATIO) / 2, job.y + (job.height - height) / 2, height);
}

function open(input, picture, name) {
  const dialog = find('[data-crop]', input.closest('.field'));
  if (!dialog || !dialog.showModal) return;
  const canvas = find('canvas', dialog);
  canvas.width = 480;
  canvas.height = Math.round((480 * picture.naturalHeight) / picture.naturalWidth);
  job = { dialog, canvas, input, picture, name };
  dialog.showModal();
  const height = picture.naturalHeight;
  place((picture.naturalWidth - height * RATIO) / 2, 0, height);
  canvas.focus();
}

function cut() {
  const { picture, x, y, height, input, name, dialog } = job;
  const tall = Math.round(Math.min(height, MOST));
  const canvas = create('canvas', { width: Math.round(tall * RATIO), height: tall });
  canvas.getContext('2d').drawImage(picture, x, y, height * RATIO, height, 0, 0, canvas.width, canvas.height);
  canvas.toBlob(
    (blob) => {
      const files = new DataTransfer();
      files.items.add(new File([blob], name.replace(/\.[^.]*$/, '.jpg'), { type: 'image/jpeg' }));
      input.files = files.files;
      dialog.close();
      input.dispatchEvent(new Event('change', { bubbles: true }));
    },
    'image/jpeg',
    0.95,
  );
}

on('change', '.field input[type=file]', (_e, input) => {
  const file = input.files[0];
  if (!file || !find('[data-crop]', input.closest('.field'))) return;
  const picture = create('img', { src: URL.createObjectURL(file) });
  picture.onload = () => {
    if (picture.naturalWidth > picture.naturalHeight) open(input, picture, file.name);
  };
});

on('click', '[data-cut]', (_e, button) => {
  if (button.dataset.cut) cut();
  else job.dialog.close();
});
on('click', '[data-crop] [data-zoom]', (_e, button) => zoom(button.dataset.zoom));

on('keydown', '[data-crop] canvas', (e) => {
  const move = MOVES[e.key];
  if (!move && !'+-='.includes(e.key)) return;
  e.preventDefault();
  if (!move) {
    zoom(e.key === '-' ? '-' : '+');
    return;
  }
  const step = STEP * job.picture.naturalHeight;
  place(job.x + move[0] * step, job.y + move[1] * step, job.height);
});

on('pointermove', '[data-crop] canvas', (e, canvas) => {
  if (!e.buttons) return;
  const scale = job.picture.naturalWidth / canvas.clientWidth;
  place(job.x + e.movementX * scale, job.y + e.movementY * scale, job.height);
});

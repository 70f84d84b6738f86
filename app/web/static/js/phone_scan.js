/* A picture taken with the telephone: shown with the frame in which the paper should lie, turned upright, and sent as it is
   shown, no larger than a scan needs. Without script the picture is sent as the camera made it. */
import { create, find, findAll } from './dom.js';

const LONGEST = 3000; // points of the longer side: A4 at 250 dpi
const SHOWN = 720;
const MARGIN = 0.94; // of the picture, that the frame takes at most
const form = find('[data-shots]');
const shots = new Map(); // input -> { picture, quarters }

/** The picture as it was turned, with its longer side no longer than this. */
function drawn(shot, longest) {
  const { picture, quarters } = shot;
  const scale = Math.min(1, longest / Math.max(picture.naturalWidth, picture.naturalHeight));
  const width = Math.round(picture.naturalWidth * scale);
  const height = Math.round(picture.naturalHeight * scale);
  const lies = quarters % 2 !== 0;
  const canvas = create('canvas', { width: lies ? height : width, height: lies ? width : height });
  const pen = canvas.getContext('2d');
  pen.translate(canvas.width / 2, canvas.height / 2);
  pen.rotate((quarters * Math.PI) / 2);
  pen.drawImage(picture, -width / 2, -height / 2, width, height);
  return canvas;
}

function show(input) {
  const box = find('[data-preview]', input.closest('.shot'));
  const canvas = find('canvas', box);
  const image = drawn(shots.get(input), SHOWN);
  canvas.width = image.width;
  canvas.height = image.height;
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  let ratio = Number(form.dataset.ratio);
  // A page may lie; a card and a portrait may not.
  if (ratio > 0.705 && ratio < 0.71 && image.width > image.height) ratio = 1 / ratio;
  const width = Math.min(image.width * MARGIN, image.height * MARGIN * ratio);
  const height = width / ratio;
  pen.setLineDash([14, 8]);
  pen.lineWidth = 4;
  pen.strokeStyle = '#fff';
  pen.strokeRect((image.width - width) / 2, (image.height - height) / 2, width, height);
  pen.lineDashOffset = 11;
  pen.strokeStyle = '#c7000b';
  pen.strokeRect((image.width - width) / 2, (image.height - height) / 2, width, height);
  box.hidden = false;
}

findAll('input[type=file]', form).forEach((input) => {
  input.addEventListener('change', () => {
    const file = input.files[0];
    if (!file) return;
    find('[data-name]', input.closest('.shot')).textContent = file.name;
    const picture = create('img', { src: URL.createObjectURL(file) });
    picture.onload = () => {
      shots.set(input, { picture, quarters: 0 });
      show(input);
    };
  });
});

findAll('[data-quarter]', form).forEach((button) => {
  button.addEventListener('click', () => {
    const input = find('input[type=file]', button.closest('.shot'));
    const shot = shots.get(input);
    shot.quarters = (shot.quarters + Number(button.dataset.quarter) + 4) % 4;
    show(input);
  });
});

/** What is shown takes the place of what the camera made. A format that the browser cannot show is sent as it is. */
async function replace(input) {
  const canvas = drawn(shots.get(input), LONGEST);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92));
  const files = new DataTransfer();
  files.items.add(new File([blob], 'picture.jpg', { type: 'image/jpeg' }));
  input.files = files.files;
}

form.addEventListener('submit', async (e) => {
  if (!shots.size) return;
  e.preventDefault();
  try {
    for (const input of shots.keys()) await replace(input);
  } finally {
    shots.clear();
    form.submit();
  }
});

"""Which store the settings name, and whether it can be used."""

from dataclasses import replace

from app.core.settings import Settings
from app.files.bucket_store import BucketStore
from app.files.folder_store import FolderStore
from app.files.stores import store_of, why_away
from tests.conftest import KEYS


def test_the_settings_name_a_folder_or_a_bucket(object_store, tmp_path):
    settings = Settings(home=tmp_path, database_url="", keys=KEYS)
    assert isinstance(store_of(settings), FolderStore)
    assert (store_of(settings).address, why_away(settings)) == (settings.files_address, "")
    settings = replace(settings, bucket=object_store.bucket())
    assert isinstance(store_of(settings), BucketStore)
    assert (store_of(settings).address, why_away(settings)) == (settings.files_address, "")
    assert settings.files_address.startswith("s3://tests-")


def test_a_bucket_that_cannot_be_written_to_is_away(object_store, tmp_path):
    bucket = replace(object_store.bucket(), secret="another")
    assert why_away(Settings(home=tmp_path, database_url="", keys=KEYS, bucket=bucket)) == "it refuses the key"

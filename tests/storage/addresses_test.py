import pytest

from trash_keras.storage.addresses import holds_secret, public, public_value


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/x.zip", "https://host/x.zip"),
        ("https://user:word@host:8080/x.zip", "https://host:8080/x.zip"),
        ("https://user:wo@rd@host/x.zip", "https://host/x.zip"),
        ("https://user:wo/rd@host/x.zip", "https://host/x.zip"),
        ("https://DOMAIN/user:word@host/x.zip", "https://host/x.zip"),
        ("https://word@host/x.zip", "https://host/x.zip"),
        ("https://:word@[::1]:80/x.zip", "https://[::1]:80/x.zip"),
        ("https://host/x?key=word", "https://host/x"),
        ("https://host/x?id=5&%74oken=word", "https://host/x"),
        ("https://host/x#access_token=word", "https://host/x"),
        ("https://host/x?mail=wo@rd", "https://host/x"),
        ("https://host?key=word", "https://host"),
        ("ftp://user:my word@host/x.zip", "ftp://host/x.zip"),
        ("S3://word:word@bucket/x", "S3://bucket/x"),
        ("s3://word:word/word@bucket/x", "s3://bucket/x"),
        ("s3://bucket/a@b/x", "s3://bucket/a@b/x"),
        ("hf://datasets/owner/name@main/x", "hf://datasets/owner/name@main/x"),
        ("filecache::https://user:word@host/x?key=word", "filecache::https://host/x"),
        ("gs://bucket/a,https://user:word@host/x", "gs://host/x"),
        ("--data_dir=https://user:word@host/x", "--data_dir=https://host/x"),
        ("tfds:name@gs://bucket/x", "tfds:name@gs://bucket/x"),
        # It cannot be told what is the host.
        ("https://user:wo?rd@host/x", "https://..."),
        ("https://user:wo#rd@host/x", "https://..."),
        ("https://word?@host/x", "https://..."),
        ("https://user:wo/r?d@host/x", "https://..."),
        ("https://user:word", "https://..."),
    ],
)
def test_of_an_address_scheme_host_and_path_are_shown(address, shown):
    assert public_value(address) == shown
    assert "word" not in shown and holds_secret(address) == (address != shown)


@pytest.mark.parametrize("text", ["data/train", "a@b", "what?.jpg", "C:\\x#1", "", "tfds:name@x"])
def test_what_is_no_address_stays(text):
    assert public(text) == public_value(text) == text and not holds_secret(text)


def test_messages_keep_everything_else():
    text = "1 of 2 (https://a:word@b/c?d=word):\n\tsee  gs://bucket/a#1.jpg, a@b and c?"
    assert public(text) == "1 of 2 (https://b/c\n\tsee  gs://bucket/a a@b and c?"


def test_names_in_an_object_store_may_hold_any_character():
    assert not holds_secret("gs://bucket/what?#1@2x.jpg") and holds_secret("gs://a:b@bucket/x.jpg")

//! The corners of the primitives.

use super::*;
use base::fs::{Fs, Open, RealFs};
use bytes::Bytes;

fn reader_of(bytes: &Bytes, flexible: bool) -> Reader<'_> {
    let mut reader = Reader::new(bytes);
    reader.set_flexible(flexible);
    reader
}

#[test]
fn varints_of_every_length() {
    for (value, bytes) in [
        (0, &[0][..]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_384, &[0x80, 0x80, 0x01]),
        (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        let mut writer = Writer::new();
        writer.uvarint(value);
        let written = writer.finish().into_bytes();
        assert_eq!(&written[..], bytes);
        assert_eq!(Reader::new(&written).uvarint(), Ok(value));
    }
}

#[test]
fn varints_that_are_too_long_are_refused() {
    for bytes in [
        &[0xff, 0xff, 0xff, 0xff, 0x1f][..],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    ] {
        assert_eq!(
            Reader::new(&Bytes::from_static(bytes)).uvarint(),
            Err(DecodeError::Varint)
        );
    }
    // More bytes than needed, but not more than five: some clients reserve the room and fill it in later.
    assert_eq!(Reader::new(&Bytes::from_static(&[0x83, 0x80, 0x00])).uvarint(), Ok(3));
}

#[test]
fn a_negative_length_is_null_where_that_is_allowed() {
    let bytes = Bytes::from_static(&[0xff, 0xfe, 0xff, 0xff]);
    assert_eq!(reader_of(&bytes, false).nullable_string(), Ok(None));
    assert_eq!(reader_of(&bytes, false).string(), Err(DecodeError::Null));
    assert_eq!(reader_of(&bytes, false).nullable_bytes(), Ok(None));
    assert_eq!(reader_of(&bytes, false).bytes(), Err(DecodeError::Null));
    assert_eq!(reader_of(&bytes, false).nullable_array::<i32>(0), Ok(None));
    assert_eq!(reader_of(&bytes, false).array::<i32>(0), Err(DecodeError::Null));
}

#[test]
fn strings_are_short_and_utf_8() {
    let bytes = Bytes::from_static(&[0x03, 0xc3, 0x28]);
    assert_eq!(reader_of(&bytes, true).string(), Err(DecodeError::Utf8));
    let long = "a".repeat(32_768);
    assert_eq!(
        Writer::new().string(&long),
        Err(EncodeError::TooLong { length: 32_768 })
    );
    let mut bytes = vec![0x81, 0x80, 0x02];
    bytes.extend_from_slice(long.as_bytes());
    assert_eq!(
        reader_of(&bytes.into(), true).string(),
        Err(DecodeError::StringTooLong { length: 32_768 })
    );
}

#[test]
fn a_tagged_field_must_fill_its_size() {
    // Tag 5 of three bytes, then a byte that is not part of it.
    let bytes = Bytes::from_static(&[5, 3, 0, 7, 1, 9]);
    let mut reader = reader_of(&bytes, true);
    let field = reader.tag().expect("there is a tagged field");
    assert_eq!((field.tag, reader.remaining()), (5, 3));
    assert_eq!(reader.i16(), Ok(7));
    assert_eq!(reader.end_tag(field), Err(DecodeError::TagSize { tag: 5, size: 3 }));
    assert!(reader.i16().is_err(), "the value ends where its size says");
    reader.skip_tag(field);
    assert_eq!(reader.i8(), Ok(9));
}

#[test]
fn records_are_referred_to_and_never_copied() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("segment");
    let file = RealFs.open(&path, Open::Create).expect("the file can be created");
    file.write_at(b"__file__", 0).expect("the file can be written");
    let region = FileRegion {
        file,
        position: 2,
        len: 4,
    };
    let in_memory = Bytes::from_static(b"memory");
    let mut writer = Writer::new();
    writer.i16(1);
    let start = writer.begin_tag(3);
    let many = Records::Many(vec![in_memory.clone().into(), Records::EMPTY, region.clone().into()]);
    writer.records(Some(&many)).expect("they are short");
    writer.end_tag(start).expect("it is short");
    writer.i8(2);
    let segments = writer.finish();
    assert!(segments.has_files());
    let parts: Vec<Segment<'_>> = segments.iter().collect();
    let [
        Segment::Bytes(head),
        Segment::Bytes(bytes),
        Segment::File(file),
        Segment::Bytes(tail),
    ] = parts[..]
    else {
        panic!("{parts:?}");
    };
    // Tag 3, fourteen bytes: a length of ten, and ten bytes.
    assert_eq!(head, [0, 1, 3, 14, 0, 0, 0, 10]);
    assert_eq!(bytes.as_ptr(), in_memory.as_ptr());
    assert_eq!(file, &region);
    assert_eq!(tail, [2]);
    let length = segments.len();
    let whole = segments.read_all().expect("the file is long enough");
    assert_eq!(whole.len() as u64, length);
    assert_eq!(&whole[8..], b"memoryfile\x02");
}

#[test]
fn a_region_past_the_end_of_its_file_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = RealFs
        .open(&folder.path().join("short"), Open::Create)
        .expect("the file can be created");
    let mut writer = Writer::new();
    writer
        .records(Some(
            &FileRegion {
                file,
                position: 0,
                len: 1,
            }
            .into(),
        ))
        .expect("it is short");
    assert_eq!(
        writer.finish().read_all().expect_err("the file is empty").kind(),
        std::io::ErrorKind::UnexpectedEof
    );
}

#[test]
fn long_bytes_are_referred_to() {
    let long = Bytes::from(vec![7; 10_000]);
    let mut writer = Writer::new();
    writer.bytes(&long).expect("it is not that long");
    let segments = writer.finish();
    assert_eq!(segments.iter().count(), 2);
    assert_eq!(segments.into_bytes()[4..], long[..]);
}

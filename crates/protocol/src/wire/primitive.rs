//! The primitives that arrays are made of.

use super::{Body, DecodeError, EncodeError, Reader, Writer};
use base::Uuid;
use bytes::Bytes;

macro_rules! number {
    ($($kind:ident),*) => {$(
        impl Body for $kind {
            const MIN_SIZE: usize = size_of::<$kind>();
            fn read(reader: &mut Reader<'_>, _version: i16) -> Result<Self, DecodeError> {
                reader.$kind()
            }
            fn write(&self, writer: &mut Writer, _version: i16) -> Result<(), EncodeError> {
                writer.$kind(*self);
                Ok(())
            }
        }
    )*};
}

number!(i8, i16, i32, i64, u16, u32, f64, bool);

impl Body for Uuid {
    const MIN_SIZE: usize = 16;
    fn read(reader: &mut Reader<'_>, _version: i16) -> Result<Self, DecodeError> {
        reader.uuid()
    }
    fn write(&self, writer: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        writer.uuid(self);
        Ok(())
    }
}

impl Body for String {
    const MIN_SIZE: usize = 1;
    fn read(reader: &mut Reader<'_>, _version: i16) -> Result<Self, DecodeError> {
        reader.string()
    }
    fn write(&self, writer: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        writer.string(self)
    }
}

impl Body for Bytes {
    const MIN_SIZE: usize = 1;
    fn read(reader: &mut Reader<'_>, _version: i16) -> Result<Self, DecodeError> {
        reader.bytes()
    }
    fn write(&self, writer: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        writer.bytes(self)
    }
}

//! Uploaded images.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use image::{ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{FieldContext, FieldType, FileField, Unrepresentable, file};
use crate::context::Context;
use crate::error::ValidationError;
use crate::storage::Storage;
use crate::store::Cell;
use crate::value::{Upload, Value};

/// The most pixels that Pillow opens.
const MAX_PIXELS: u64 = 178_956_970;
/// The most memory that reading an image's headers may take.
const MAX_ALLOCATION: u64 = 16 << 20;

/// The extensions that Django accepts: those that Pillow knows, whatever is in the file.
const EXTENSIONS: &str = "bmp, dib, gif, jfif, jpe, jpg, jpeg, pbm, pgm, ppm, pnm, pfm, png, apng, avif, avifs, blp, \
    bufr, cur, pcx, dcx, dds, ps, eps, fit, fits, fli, flc, ftc, ftu, gbr, grib, h5, hdf, jp2, j2k, jpc, jpf, jpx, \
    j2c, icns, ico, im, iim, mpg, mpeg, tif, tiff, mpo, msp, palm, pcd, pdf, pxr, psd, qoi, bw, rgb, rgba, sgi, ras, \
    tga, icb, vda, vst, webp, wmf, emf, xbm, xpm";

/// A file that is an image: PNG, JPEG, GIF, WebP, BMP, ICO, TIFF, PNM or QOI.
///
/// As in Django the content decides, then the extension; the file's media type becomes what the content is. What is
/// looked at is what Pillow looks at: the headers, the checksums of a PNG and the lengths that a WebP and an ICO name, so
/// that a large image costs no memory. Pillow knows more formats (AVIF, JPEG 2000, PDF and rarer ones); here they are
/// no images.
///
/// | code | message |
/// |---|---|
/// | those of [`FileField`] | |
/// | `invalid_image` | `Upload a valid image. The file you uploaded was either not an image or a corrupted image.` |
/// | `invalid_extension` | `File extension “{extension}” is not allowed. Allowed extensions are: {allowed_extensions}.` |
///
/// An image of more than 178,956,970 pixels (Pillow's limit; [`max_pixels`](ImageField::max_pixels)), or beyond
/// [`max_width`](ImageField::max_width) and [`max_height`](ImageField::max_height), is not a valid one. An empty file
/// never is one, even where [`allow_empty_file`](ImageField::allow_empty_file) says so.
#[derive(Clone, Debug)]
pub struct ImageField {
    file: FileField,
    max_pixels: u64,
    max_width: Option<u32>,
    max_height: Option<u32>,
}

impl Default for ImageField {
    fn default() -> Self {
        ImageField::new()
    }
}

impl ImageField {
    /// Any image that is not too large.
    pub fn new() -> Self {
        ImageField { file: FileField::new(), max_pixels: MAX_PIXELS, max_width: None, max_height: None }
    }

    /// The most characters of the file's name.
    pub fn max_length(mut self, max: impl Into<Option<usize>>) -> Self {
        self.file = self.file.max_length(max);
        self
    }

    /// Whether an empty file is said to be empty already by [`FileField`]'s rules; it is refused in any case, as in DRF.
    pub fn allow_empty_file(mut self, yes: bool) -> Self {
        self.file = self.file.allow_empty_file(yes);
        self
    }

    /// Whether it is shown by its address, or by its name.
    pub fn use_url(mut self, yes: bool) -> Self {
        self.file = self.file.use_url(yes);
        self
    }

    /// The storage that knows the address.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.file = self.file.storage(storage);
        self
    }

    /// The most pixels.
    pub fn max_pixels(mut self, pixels: u64) -> Self {
        self.max_pixels = pixels;
        self
    }

    /// The greatest width in pixels.
    pub fn max_width(mut self, pixels: u32) -> Self {
        self.max_width = Some(pixels);
        self
    }

    /// The greatest height in pixels.
    pub fn max_height(mut self, pixels: u32) -> Self {
        self.max_height = Some(pixels);
        self
    }

    /// The format of an image; none where it is none, or is too large.
    fn format(&self, upload: &Upload) -> Option<ImageFormat> {
        // a decoder that panics has met something that is no image
        catch_unwind(AssertUnwindSafe(|| self.examine(upload))).ok()?
    }

    fn examine(&self, upload: &Upload) -> Option<ImageFormat> {
        let mut reader = ImageReader::new(BufReader::new(upload.reader())).with_guessed_format().ok()?;
        let format = reader.format()?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_ALLOCATION);
        limits.max_image_width = self.max_width;
        limits.max_image_height = self.max_height;
        reader.limits(limits);
        let (width, height) = reader.into_decoder().ok()?.dimensions();
        let fits = |limit: Option<u32>, size: u32| limit.is_none_or(|limit| size <= limit);
        let is_small = u64::from(width) * u64::from(height) <= self.max_pixels;
        if !is_small || !fits(self.max_width, width) || !fits(self.max_height, height) {
            return None;
        }
        // more is looked at where Pillow looks at more
        match format {
            ImageFormat::Png => check_png(&mut BufReader::new(upload.reader())).ok()?,
            ImageFormat::WebP => check_webp(upload).ok()?,
            ImageFormat::Ico => check_ico(upload).ok()?,
            _ => {}
        }
        Some(format)
    }
}

/// Reads a PNG to its end, comparing the checksum of each chunk.
fn check_png(file: &mut (impl BufRead + Seek)) -> io::Result<()> {
    file.seek(SeekFrom::Start(8))?;
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let [a, b, c, d, name @ ..] = head;
        if name == *b"IEND" {
            return Ok(());
        }
        let mut sum = crc32fast::Hasher::new();
        sum.update(&name);
        let mut left = u64::from(u32::from_be_bytes([a, b, c, d]));
        while left > 0 {
            let buffer = file.fill_buf()?;
            let piece = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if piece == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            sum.update(buffer.get(..piece).unwrap_or_default());
            file.consume(piece);
            left -= piece as u64;
        }
        let mut expected = [0; 4];
        file.read_exact(&mut expected)?;
        if sum.finalize() != u32::from_be_bytes(expected) {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// Refuses a WebP that is shorter than it says.
fn check_webp(upload: &Upload) -> io::Result<()> {
    let mut head = [0; 8];
    upload.reader().read_exact(&mut head)?;
    let [.., a, b, c, d] = head;
    let said = u64::from(u32::from_le_bytes([a, b, c, d])) + 8;
    if upload.size() < said { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// Refuses an ICO that is shorter than its images.
fn check_ico(upload: &Upload) -> io::Result<()> {
    let mut file = BufReader::new(upload.reader());
    let mut head = [0; 6];
    file.read_exact(&mut head)?;
    let [.., low, high] = head;
    for _ in 0..u16::from_le_bytes([low, high]) {
        let mut entry = [0; 16];
        file.read_exact(&mut entry)?;
        let [.., a, b, c, d, e, f, g, h] = entry;
        let end = u64::from(u32::from_le_bytes([a, b, c, d])) + u64::from(u32::from_le_bytes([e, f, g, h]));
        if end > upload.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// The media type that Pillow gives a format.
fn media_type(format: ImageFormat) -> Option<&'static str> {
    Some(match format {
        ImageFormat::Png => "image/png",
        ImageFormat::Jpeg => "image/jpeg",
        ImageFormat::Gif => "image/gif",
        ImageFormat::WebP => "image/webp",
        ImageFormat::Bmp => "image/bmp",
        ImageFormat::Ico => "image/x-icon",
        ImageFormat::Tiff => "image/tiff",
        ImageFormat::Pnm => "image/x-portable-anymap",
        _ => return None,
    })
}

/// Python's `Path(name).suffix`, without the dot and in lower case.
fn extension(name: &str) -> String {
    let dot = name.rfind('.').filter(|dot| (1..name.len().saturating_sub(1)).contains(dot));
    dot.and_then(|dot| name.get(dot + 1..)).unwrap_or("").to_lowercase()
}

impl FieldType for ImageField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let upload = self.file.upload(input, cx)?;
        if upload.size() == 0 {
            return Err(file::empty(cx));
        }
        let Some(format) = self.format(upload) else {
            let text = "Upload a valid image. The file you uploaded was either not an image or a corrupted image.";
            return Err(cx.error("invalid_image", text, &[]));
        };
        let extension = extension(upload.name());
        if !EXTENSIONS.split(", ").any(|allowed| allowed == extension) {
            let text = "File extension “{extension}” is not allowed. Allowed extensions are: {allowed_extensions}.";
            let parameters = [("extension", extension.as_str()), ("allowed_extensions", EXTENSIONS)];
            return Err(cx.error("invalid_extension", text, &parameters));
        }
        let upload = Upload::clone(upload).with_content_type(media_type(format).map(str::to_owned));
        Ok(Value::File(Arc::new(upload)))
    }

    fn required_message(&self) -> &'static str {
        self.file.required_message()
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        self.file.to_representation(cell, cx, out)
    }

    fn metadata_type(&self) -> &'static str {
        "image upload"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        self.file.metadata_limits()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::io::Cursor;

    use super::super::Field;
    use super::super::testing::details;
    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::DynamicImage::new_rgba8(3, 2).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn jpeg() -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(64, 64).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    fn clean(field: &ImageField, name: &str, content: Vec<u8>) -> Result<Option<String>, Vec<String>> {
        let input = Value::File(Arc::new(Upload::new(name, Some("text/plain".into()), content)));
        match Field::new("i", field.clone()).clean(&input) {
            Ok(Value::File(file)) => Ok(file.content_type().map(str::to_owned)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(details(error)),
        }
    }

    fn invalid() -> Vec<String> {
        let text = "Upload a valid image. The file you uploaded was either not an image or a corrupted image.";
        vec![format!("invalid_image: {text}")]
    }

    #[test]
    fn formats() {
        for (format, media_type) in [
            (ImageFormat::Png, Some("image/png")),
            (ImageFormat::Gif, Some("image/gif")),
            (ImageFormat::WebP, Some("image/webp")),
            (ImageFormat::Bmp, Some("image/bmp")),
            (ImageFormat::Ico, Some("image/x-icon")),
            (ImageFormat::Tiff, Some("image/tiff")),
            (ImageFormat::Pnm, Some("image/x-portable-anymap")),
            (ImageFormat::Qoi, None),
        ] {
            let found = clean(&ImageField::new(), "a.PNG", encoded(format));
            assert_eq!(found, Ok(media_type.map(str::to_owned)), "{format:?}");
        }
        assert_eq!(clean(&ImageField::new(), "a.jpg", jpeg()), Ok(Some("image/jpeg".into())));
    }

    #[test]
    fn what_is_no_image() {
        let field = ImageField::new();
        for content in
            [b"nope".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec(), b"GIF89a".to_vec(), vec![0xff, 0xd8, 0xff], vec![0]]
        {
            assert_eq!(clean(&field, "a.png", content), Err(invalid()));
        }
        let empty = vec!["empty: The submitted file is empty.".to_owned()];
        assert_eq!(clean(&field, "a.png", Vec::new()), Err(empty.clone()));
        assert_eq!(clean(&field.allow_empty_file(true), "a.png", Vec::new()), Err(empty));
    }

    #[test]
    fn what_is_broken() {
        let field = ImageField::new();
        let png = encoded(ImageFormat::Png);
        for cut in [png.len() - 13, png.len() - 20, 40] {
            assert_eq!(clean(&field, "a.png", png[..cut].to_vec()), Err(invalid()), "{cut}");
        }
        // as Pillow, the checksum of the last chunk is not looked at
        assert!(clean(&field, "a.png", png[..png.len() - 4].to_vec()).is_ok());
        let data = png.windows(4).position(|w| w == b"IDAT").unwrap();
        let mut changed = png.clone();
        changed[data + 6] ^= 1;
        assert_eq!(clean(&field, "a.png", changed), Err(invalid()));
        for format in [ImageFormat::WebP, ImageFormat::Ico] {
            let whole = encoded(format);
            assert_eq!(clean(&field, "a.png", whole[..whole.len() - 20].to_vec()), Err(invalid()), "{format:?}");
        }
        // nor are the pixels of other formats
        let jpeg = jpeg();
        assert!(clean(&field, "a.jpg", jpeg[..jpeg.len() - 20].to_vec()).is_ok());
    }

    #[test]
    fn extensions() {
        let png = || encoded(ImageFormat::Png);
        let field = ImageField::new();
        for name in ["a.txt", "a", "a.", ".png"] {
            let Err(errors) = clean(&field, name, png()) else { panic!("{name}") };
            let extension = if name == "a.txt" { "txt" } else { "" };
            let expected = format!(
                "invalid_extension: File extension “{extension}” is not allowed. Allowed extensions are: bmp, dib,"
            );
            assert!(errors[0].starts_with(&expected) && errors[0].ends_with(", emf, xbm, xpm."), "{errors:?}");
        }
        assert!(clean(&field, "a.tar.JPEG", png()).is_ok());
        assert_eq!(clean(&field, "a.txt", b"nope".to_vec()), Err(invalid()));
    }

    /// A PNG whose header says that it is huge.
    fn bomb(width: u32, height: u32) -> Vec<u8> {
        let mut png = encoded(ImageFormat::Png);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc32fast::hash(&png[12..29]);
        png[29..33].copy_from_slice(&sum.to_be_bytes());
        png
    }

    #[test]
    fn sizes() {
        let field = ImageField::new();
        assert!(clean(&field, "a.png", bomb(13_377, 13_377)).is_ok());
        assert_eq!(clean(&field, "a.png", bomb(13_378, 13_378)), Err(invalid()));
        assert_eq!(clean(&field, "a.png", bomb(u32::MAX >> 1, u32::MAX >> 1)), Err(invalid()));
        for (field, fits) in [
            (ImageField::new().max_width(3).max_height(2), true),
            (ImageField::new().max_width(2), false),
            (ImageField::new().max_height(1), false),
            (ImageField::new().max_pixels(5), false),
        ] {
            assert_eq!(clean(&field, "a.png", encoded(ImageFormat::Png)).is_ok(), fits, "{field:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(head in 0..5_usize, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let heads: [&[u8]; 5] = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a", b"\xff\xd8\xff\xe0", b"BM", b"RIFF\0\0\0\0WEBPVP8X"];
            let content = [heads[head], &bytes].concat();
            let _ = clean(&ImageField::new(), "a.png", content);
        }
    }
}

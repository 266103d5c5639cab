//! The values of all files as a stream, each with its position: the lines of NDJSON, or the objects
//! of an array and of anything else that is pretty-printed.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use super::file_form::{FileForm, read_line, read_object};
use super::source::{Input, Position, SourceFile, is_gzipped};
use crate::input::BYTE_ORDER_MARK;

/// The length of the longest message: Lambda accepts no larger delivery.
const MAX_LINE_BYTES: u64 = 6 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;

/// The bytes at the beginning of a file that tell its form.
const FORM_BYTES: u64 = 64 * 1024;

/// A value that is not blank. Its text may be anything.
pub(super) struct SourceLine {
    /// The position of its first byte.
    pub(super) position: Position,
    /// The value, or the reason why it cannot be a message.
    pub(super) text: Result<Vec<u8>, String>,
}

/// The lines of all files from a position on.
pub(super) struct Lines<'s> {
    sources: &'s [SourceFile],
    position: Position,
    input: Option<Box<dyn BufRead>>,
    /// The form of the current file.
    form: FileForm,
    /// The bytes on disk that were read of the current file.
    file_bytes: Rc<Cell<u64>>,
}

impl<'s> Lines<'s> {
    pub(super) fn new(sources: &'s [SourceFile], position: Position) -> Self {
        Lines {
            sources,
            position,
            input: None,
            form: FileForm::Lines,
            file_bytes: Rc::default(),
        }
    }

    /// The position of the next line.
    pub(super) fn next_position(&self) -> Position {
        self.position
    }

    /// The bytes on disk that were read of all files.
    pub(super) fn bytes_read(&self) -> u64 {
        let finished_files = self.sources.iter().take(self.position.file);
        let finished_bytes: u64 = finished_files.map(|source| source.bytes).sum();
        finished_bytes + self.file_bytes.get()
    }

    fn next_file(&mut self) {
        self.position = Position {
            file: self.position.file + 1,
            ..Position::default()
        };
        self.input = None;
        self.file_bytes = Rc::default();
    }

    /// Opens a file at the current offset, and finds out its form.
    fn open(&mut self, source: &SourceFile) -> io::Result<Box<dyn BufRead>> {
        // The form is that of the beginning, wherever the reading resumes.
        let mut head = Vec::new();
        self.unzipped(source, 0)?
            .take(FORM_BYTES)
            .read_to_end(&mut head)
            // What can be read of a broken archive is enough; the error comes again.
            .unwrap_or_default();
        self.form = FileForm::of(&head);
        self.unzipped(source, self.position.offset)
    }

    /// Opens a file at an offset.
    fn unzipped(&self, source: &SourceFile, offset: u64) -> io::Result<Box<dyn BufRead>> {
        let mut file = CountingFile {
            file: source.open()?,
            bytes: self.file_bytes.clone(),
        };
        if !is_gzipped(&mut file.file)? {
            self.file_bytes.set(offset);
            file.file.seek(SeekFrom::Start(offset))?;
            return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)));
        }
        self.file_bytes.set(0);
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, file));
        let mut input = BufReader::with_capacity(BUFFER_BYTES, decoder);
        // A gzipped file has no way to seek.
        io::copy(&mut input.by_ref().take(offset), &mut io::sink())?;
        Ok(Box::new(input))
    }

    /// Reads the next value, which may be blank; `None` at the end of the file.
    fn read_value(&mut self, source: &SourceFile) -> io::Result<Option<SourceLine>> {
        let mut input = match self.input.take() {
            Some(input) => input,
            None => self.open(source)?,
        };
        let chunk = match self.form {
            FileForm::Lines => read_line(&mut input, MAX_LINE_BYTES)?,
            FileForm::Objects => read_object(&mut input, MAX_LINE_BYTES)?,
        };
        let Some(chunk) = chunk else { return Ok(None) };
        let position = Position {
            line: self.position.line + chunk.lines_before,
            ..self.position
        };
        let is_first = self.position.offset == 0;
        self.position = Position {
            line: self.position.line + chunk.lines_before + chunk.lines,
            offset: self.position.offset + chunk.bytes,
            ..self.position
        };
        self.input = Some(input);
        let text = match chunk.text {
            Some(mut text) => {
                if is_first && text.starts_with(BYTE_ORDER_MARK.as_bytes()) {
                    text.drain(..BYTE_ORDER_MARK.len());
                }
                Ok(text)
            }
            None => {
                let megabytes = MAX_LINE_BYTES / 1024 / 1024;
                Err(format!("over {megabytes} MB, which no message may have"))
            }
        };
        Ok(Some(SourceLine { position, text }))
    }
}

impl Iterator for Lines<'_> {
    /// An error is that of a disk or of a broken archive. The position stays at the line that could
    /// not be read.
    type Item = io::Result<SourceLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let source = self.sources.get(self.position.file)?;
            match self.read_value(source) {
                Ok(Some(line)) => {
                    let is_blank = line
                        .text
                        .as_ref()
                        .is_ok_and(|text| text.trim_ascii().is_empty());
                    if !is_blank {
                        return Some(Ok(line));
                    }
                }
                Ok(None) => self.next_file(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A file that counts the bytes that are read of it.
struct CountingFile {
    file: Box<dyn Input>,
    bytes: Rc<Cell<u64>>,
}

impl Read for CountingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.bytes.set(self.bytes.get() + bytes as u64);
        Ok(bytes)
    }
}

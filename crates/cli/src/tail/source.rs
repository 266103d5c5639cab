//! Where the log comes from: stdin, a file, or CloudWatch through the AWS CLI.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::aws::StackOutputs;
use crate::samconfig::Environment;
use crate::setting_arguments::SettingArguments;
use crate::{input, output};

/// The pause between two looks at a file that may grow.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// The options that name the log.
#[derive(clap::Args)]
pub(super) struct Source {
    /// The file, such as that of `serve --log`; without it, and without a stack, stdin.
    file: Option<PathBuf>,

    /// Waits for further lines of the file.
    #[arg(short, long)]
    follow: bool,

    /// The stack whose function it is; by default that of --env. The AWS CLI follows its log.
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    stack: Option<String>,

    /// How far back the log of a stack begins, such as 2h.
    #[arg(long, value_name = "TIME", default_value = "10m")]
    since: String,
}

/// The lines of a log.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read>>,
    /// Whether more lines may come after the end.
    is_followed: bool,
    /// The program that writes the lines.
    program: Option<Child>,
    /// The beginning of a line that is not complete.
    partial: Vec<u8>,
}

impl Source {
    /// Opens the log.
    pub(super) fn open(&self, settings: &SettingArguments) -> Result<Lines, String> {
        if let Some(path) = &self.file
            && !input::is_stdin(path)
        {
            let file = File::open(path);
            let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
            return Ok(Lines::new(Box::new(file), self.follow, None));
        }
        let mut stack = self.stack.clone();
        if stack.is_none()
            && self.file.is_none()
            && let Some(name) = settings.environment()
        {
            stack = Environment::read(name)?.stack_name;
        }
        match stack {
            Some(stack) => self.follow_stack(&stack),
            None => Ok(Lines::new(Box::new(std::io::stdin()), false, None)),
        }
    }

    /// Follows the log group with the AWS CLI:
    /// <https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html>
    fn follow_stack(&self, stack: &str) -> Result<Lines, String> {
        let outputs = StackOutputs::of(stack)?;
        let group = outputs.value_of("LogGroup")?;
        output::info(&format!("follows {group}; press Ctrl-C to stop"));
        let mut program = Command::new("aws")
            .args(["logs", "tail", group, "--follow", "--format", "short"])
            .args(["--since", &self.since])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`aws logs tail` cannot be started: {error}"))?;
        let lines = program
            .stdout
            .take()
            .ok_or("`aws logs tail` has no output")?;
        Ok(Lines::new(Box::new(lines), false, Some(program)))
    }
}

impl Lines {
    fn new(reader: Box<dyn Read>, is_followed: bool, program: Option<Child>) -> Self {
        Lines {
            reader: BufReader::new(reader),
            is_followed,
            program,
            partial: Vec::new(),
        }
    }

    /// Returns the next line; `None` at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<String>, String> {
        loop {
            let read = self.reader.read_until(b'\n', &mut self.partial);
            let count = read.map_err(|error| format!("the log cannot be read: {error}"))?;
            if self.partial.ends_with(b"\n") || (count == 0 && !self.is_followed) {
                break;
            }
            if count == 0 {
                thread::sleep(POLL_INTERVAL);
            }
        }
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
        if let Some(program) = &mut self.program {
            let status = program.wait();
            if !status.is_ok_and(|status| status.success()) {
                return Err("`aws logs tail` failed".to_owned());
            }
        }
        Ok(None)
    }
}

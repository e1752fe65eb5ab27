//! Recognizes files of unsupported kinds, so that errors can name the kind.

use std::path::Path;

use crate::FormatError;

/// First bytes of a Git LFS pointer, the text that replaces a file stored elsewhere.
const GIT_LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Suffix of the entry with the constants of a TorchScript program.
const CONSTANTS: &str = "/constants.pkl";

/// Folder with the code of a TorchScript program.
const CODE: &str = "/code/";

/// Returns the error for the file at `path` that starts with `head` and has no supported format.
pub(crate) fn file(path: &Path, head: &[u8]) -> FormatError {
    if head.starts_with(GIT_LFS) {
        let fault = "is a Git LFS pointer, expected the file that it points to";
        return FormatError::unsupported(path, fault, "fetch the file with `git lfs pull`");
    }
    if is_onnx(head) {
        let fault = "is an ONNX model, expected a weights file of Keras or PyTorch, or safetensors";
        let hint = "name the weights file of the model that was exported to ONNX";
        return FormatError::unsupported(path, fault, hint);
    }
    FormatError::Unknown { path: path.to_owned() }
}

/// Returns the error for the archive at `path` with the entries `names` and no supported model.
pub(crate) fn archive(path: &Path, names: &[String]) -> FormatError {
    if is_script(names) { script(path) } else { FormatError::Unknown { path: path.to_owned() } }
}

/// Returns true if an archive with the entries `names` is a TorchScript program.
pub(crate) fn is_script(names: &[String]) -> bool {
    names.iter().any(|name| name.ends_with(CONSTANTS))
}

/// Replaces an error about a compressed entry if the entry is code of a TorchScript program, which PyTorch compresses.
pub(crate) fn named_if_script(error: FormatError) -> FormatError {
    match error {
        FormatError::Compressed { path, name } if name.contains(CODE) => script(&path),
        error => error,
    }
}

fn script(path: &Path) -> FormatError {
    let fault = "is a TorchScript program, expected a state dict";
    let hint = "load it with PyTorch and save its state dict: `torch.save(torch.jit.load(FILE, map_location=\"cpu\").state_dict(), \"weights.pth\")`";
    FormatError::unsupported(path, fault, hint)
}

/// Returns true if a file that starts with `bytes` is an ONNX model. It starts with the version of the file format,
/// followed by the name of the producer or by the graph.
fn is_onnx(bytes: &[u8]) -> bool {
    // Protobuf fields: 1 is the version, an integer; 2 is the producer, a string; 7 is the graph, a message.
    match *bytes {
        [0x08, 1..=0x7f, 0x12, length @ ..0x80, ref rest @ ..] => {
            let producer = &rest[..rest.len().min(length.into())];
            producer.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        }
        [0x08, 1..=0x7f, 0x3a, ..] => true,
        _ => false,
    }
}

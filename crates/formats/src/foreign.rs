//! Names files that are not read as what they are.

use std::path::Path;

use crate::FormatError;

/// The first bytes of the text that Git leaves in place of a file that Git LFS stores elsewhere.
const GIT_LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// The entry in which a TorchScript program has its constants.
const CONSTANTS: &str = "/constants.pkl";

/// The folder in which a TorchScript program has its code.
const CODE: &str = "/code/";

/// Returns the error about the file at `path` that begins with `head` and is of no format that is read.
pub(crate) fn file(path: &Path, head: &[u8]) -> FormatError {
    if head.starts_with(GIT_LFS) {
        let fault = "is a Git LFS pointer, expected the file that it stands for";
        return FormatError::unsupported(path, fault, "fetch the file with `git lfs pull`");
    }
    if is_onnx(head) {
        let fault = "is an ONNX model, expected a weights file of Keras or PyTorch, or safetensors";
        let hint = "name the weights file of the model that was exported to ONNX";
        return FormatError::unsupported(path, fault, hint);
    }
    FormatError::Unknown { path: path.to_owned() }
}

/// Returns the error about the archive at `path` with the entries `names`, of which none is a model's that is read.
pub(crate) fn archive(path: &Path, names: &[String]) -> FormatError {
    if is_script(names) { script(path) } else { FormatError::Unknown { path: path.to_owned() } }
}

/// Returns true if an archive with the entries `names` is a TorchScript program.
pub(crate) fn is_script(names: &[String]) -> bool {
    names.iter().any(|name| name.ends_with(CONSTANTS))
}

/// Turns an error about the code of a TorchScript program, which PyTorch compresses, into one that names it.
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

/// Returns true if a file that begins with `bytes` is an ONNX model. It begins with the version of the file
/// format, followed by the name of the program that wrote it or by the graph.
fn is_onnx(bytes: &[u8]) -> bool {
    // Tags of protobuf fields: 1, a number; 2, a text; 7, a message.
    match *bytes {
        [0x08, 1..=0x7f, 0x12, length @ ..0x80, ref rest @ ..] => {
            let producer = &rest[..rest.len().min(length.into())];
            producer.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        }
        [0x08, 1..=0x7f, 0x3a, ..] => true,
        _ => false,
    }
}

"""F4xx: reading a checkpoint and holding it against a spec."""

CODES: dict[str, str] = {
    # The file.
    "F400": "checkpoint not found",
    "F401": "checkpoint is not a file",
    "F402": "checkpoint cannot be read",
    "F403": "checkpoint is empty",
    "F404": "file is not a checkpoint",
    "F405": "checkpoint is damaged or cut short",
    "F406": "checkpoint holds objects other than weights",
    "F407": "safetensors header is invalid",
    "F408": "TorchScript archive instead of a state dict",
    "F409": "compressed checkpoint",
    "F410": "checksum does not match",
    # Finding the state dict and its keys.
    "F420": "no state dict found",
    "F421": "more than one state dict found",
    "F422": "select finds nothing",
    "F423": "strip finds nothing",
    "F424": "rename finds nothing",
    "F425": "alias finds nothing",
    "F426": "aliased tensors differ",
    "F427": "ignore finds nothing",
    "F428": "two entries take the same name",
    "F429": "wrong checkpoint rule",
    # Folders in the Hugging Face layout.
    "F430": "folder holds no weights",
    "F431": "index of the shards is not valid",
    "F432": "shard is missing",
    "F433": "index and shards disagree",
    "F434": "shards of different containers",
    "F435": "entry of the folder cannot be copied",
    # Holding it against a spec.
    "F440": "tensors missing in the checkpoint",
    "F441": "tensors that the spec does not describe",
    "F442": "tensor has another shape than the spec says",
    "F443": "tensor type cannot be grown",
    "F444": "tensor holds NaN or infinity",
    "F445": "tensor is not a plain array",
    "F446": "layers of their own share one tensor in the checkpoint",
    "F447": "ignored entries keep a size that grows",
    # The config.json of a folder.
    "F450": "config.json is missing",
    "F451": "config.json is not valid",
    "F452": "field missing in config.json",
    "F453": "field of config.json has a wrong type",
    "F454": "spec does not say what config.json means",
}

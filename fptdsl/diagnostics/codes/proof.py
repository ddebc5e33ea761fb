"""F5xx: verification."""

CODES: dict[str, str] = {
    "F501": "the networks do not take the same inputs",
    "F502": "the networks do not give the same outputs",
    "F503": "no input can be made for the network",
    "F510": "the probe cannot be read",
    "F511": "the probe lacks an input of the model",
    "F512": "the probe holds an array that the model does not know",
    "F513": "an array of the probe has the wrong shape",
    "F514": "an array of the probe has the wrong dtype",
    "F515": "arrays of the probe disagree about the batch",
    "F516": "the probe holds values that are not finite",
    "F517": "a row is looked up that the table does not have",
    "F520": "verification failed",
    "F521": "certificate found a fault",
}

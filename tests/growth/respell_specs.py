"""Specs that the tests of the grown spec grow: each shape of definition that respelling must edit."""

from __future__ import annotations

RESNET = """\
# ResNet for CIFAR-10 (He et al. 2015, section 4.2): 6n+2 layers.
block Basic(width, stride = 1) {
  residual {
    conv1: conv2d(width, 3, stride=stride, padding=1, bias=false)
    bn1:   batchnorm2d
    relu
    conv2: conv2d(width, 3, padding=1, bias=false)
    bn2:   batchnorm2d
  } shortcut {
    if stride != 1 {                       # option A: no parameters
      subsample2d(stride)
      pad_channels(width // 4, width // 4)
    }
  }
  relu
}

model ResNetCifar(n = 3, num_classes = 10) {
  input image: float[3, 32, 32]
  conv1: conv2d(16, 3, padding=1, bias=false)
  bn1:   batchnorm2d
  relu
  layer1: repeat n      { Basic(16) }
  layer2: repeat n as i { Basic(32, stride = 2 if i == 0 else 1) }
  layer3: repeat n as i { Basic(64, stride = 2 if i == 0 else 1) }
  adaptive_avgpool2d(1)
  flatten
  linear: linear(num_classes)
}

checkpoint {
  select "state_dict"      # inside the loaded object
  strip  "module."
}

grow {
  widen  layer2 to 64
}
"""

WIDTHS = """\
block Basic(width, stride = 1) {
  residual {
    conv1: conv2d(width, 3, stride=stride, padding=1, bias=false)
    relu
    conv2: conv2d(width, 3, padding=1, bias=false)
  } shortcut {
    if stride != 1 { proj: conv2d(width, 1, stride=stride) }
  }
}

model Net(n = 2, width = 16) {
  input image: float[3, 32, 32]
  conv1: conv2d(width, 3, padding=1)
  layer1: repeat n      { Basic(width) }
  layer2: repeat n as i { Basic(2 * width, stride = 2 if i == 0 else 1) }
  flatten
  head: linear(10)
}
"""

VGG = """\
model Vgg(width = 8, layers = 13) {
  input image: float[3, 16, 16]
  features: sequential {
    conv2d(width, 3, padding=1); batchnorm2d; relu
    if layers >= 13 { conv2d(width, 3, padding=1); batchnorm2d; relu }
    maxpool2d(2)

    conv2d(2 * width, 3, padding=1); batchnorm2d; relu
    conv2d(2 * width, 3, padding=1); batchnorm2d; relu
    maxpool2d(2)
  }
  flatten
  classifier: sequential {
    linear(32); relu; dropout(0.5)
    linear(10)
  }
}
"""

STAGES = """\
block Unit(width, groups = 1) {
  residual {
    a: conv2d(width, 1)
    norm: groupnorm(width // 4)
    b: conv2d(width, 3, padding=1, groups=groups)
  }
}

block Stage(width, depth) {
  down: conv2d(width, 2, stride=2)
  units: repeat depth as i { Unit(width, groups = 2 if i == 0 else 1) }
}

model Stages(base = 8) {
  input image: float[3, 32, 32]
  stem: conv2d(base, 3, padding=1)
  stage1: Stage(base, 2)
  stage2: Stage(2 * base, 3)
  stage3: Stage(4 * base, 2)
  flatten
  head: linear(10)
}
"""

DENSE = """\
block Dense(growth) {
  reduce: conv2d(4 * growth, 1, bias=false)
  relu
  grow3: conv2d(growth, 3, padding=1, bias=false)
  concat from input, grow3
}

model DenseNet(growth = 4, depth = 3) {
  input image: float[3, 16, 16]
  stem: conv2d(2 * growth, 3, padding=1)
  dense1: repeat depth { Dense(growth) }
  squeeze: conv2d(growth * (depth + 2), 1)
  dense2: repeat depth { Dense(growth) }
  flatten
  head: linear(10)
}
"""

MIXED = """\
block Gate(width) {
  let before = tanh
  one: linear(width)
  sigmoid
  mul from before, one
}

model Mixed(sizes = [16, 16], deep = true) {
  input x: float[16]
  body: sequential {
    linear(16)
    repeat 2 as i { fc: linear(16 if i == 0 else 24); relu }
    repeat 3 linear(8)
    tanh
  }
  if deep {
    more: repeat 2 as i {
      inner: repeat 2 as j {
        fc: linear(4 if i == j else 6)
        relu
      }
    }
  } else {
    less: linear(3)
  }
  split: parallel(concat) {
    left: { fc: linear(8); relu }
    right: linear(8)
  }
  twice: linear(16)
  again: reuse twice
  gate: Gate(16) from twice
  last: linear(5)
}
"""

SPECS = {"resnet": RESNET, "widths": WIDTHS, "vgg": VGG, "stages": STAGES, "dense": DENSE, "mixed": MIXED}

"""Networks of unusual units: maxout, and gated recurrent layers on text."""

from __future__ import annotations

from torch import Tensor, nn


class MaxoutMlp(nn.Module):
    def __init__(
        self, inputs: int = 784, units: int = 240, pieces: int = 5, depth: int = 2, num_classes: int = 10
    ) -> None:
        super().__init__()
        self.pieces = pieces
        self.layers = nn.ModuleList()
        for index in range(depth):
            layer = nn.Module()
            layer.fc = nn.Linear(units if index else inputs, units * pieces)
            self.layers.append(layer)
        self.head = nn.Linear(units, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.fc(x).unflatten(1, (-1, self.pieces)).max(2).values
        return self.head(x)


class LstmText(nn.Module):
    def __init__(
        self, vocabulary: int = 20000, width: int = 100, hidden: int = 256, layers: int = 2, num_classes: int = 2
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, hidden, layers, batch_first=True)
        self.fc = nn.Linear(hidden, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        _, (state, _) = self.lstm(self.embedding(tokens))
        return self.fc(state[-1])


class GruText(nn.Module):
    def __init__(
        self, vocabulary: int = 20000, width: int = 100, hidden: int = 128, layers: int = 1, num_classes: int = 2
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, hidden, layers, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc(self.gru(self.embedding(tokens))[0].mean(1))

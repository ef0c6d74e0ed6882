"""The peer: the lab notebook's own recipes, written anew as it has them, mistakes and all."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

from models.digits import torchvision_mnist


class NotebookNet(nn.Module):
    """The notebook's CNN, which hands out every layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.conv2 = nn.Conv2d(6, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 7 * 7, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Activity of all layers for normalised images (image, 1, row, column)."""
        l1 = F.max_pool2d(F.relu(self.conv1(x)), 2)
        l2 = F.max_pool2d(F.relu(self.conv2(l1)), 2)
        l3 = F.relu(self.fc1(torch.flatten(l2, start_dim=1)))
        l4 = F.relu(self.fc2(l3))
        return {"l1": l1, "l2": l2, "l3": l3, "l4": l4, "y": self.fc3(l4)}


class NotebookLSTM(nn.Module):
    """The notebook's LSTM in raw torch, one time step after another."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.input2h = nn.Linear(3, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size)
        self.fc = nn.Linear(hidden_size, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions (time, trial, 1) for inputs (time, trial, 3)."""
        hidden = cell = torch.zeros(inputs.shape[1], self.hidden_size)
        outputs = []
        for moment in inputs:
            gates = self.input2h(moment) + self.h2h(hidden)
            in_gate, forget_gate, candidate, out_gate = gates.chunk(4, dim=1)
            cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(in_gate) * torch.tanh(candidate)
            hidden = torch.sigmoid(out_gate) * torch.tanh(cell)
            outputs.append(hidden)
        return self.fc(torch.stack(outputs))

    @torch.no_grad()
    def readout(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The same, with every gate, the cell and the output (time, trial, unit)."""
        hidden = cell = torch.zeros(inputs.shape[1], self.hidden_size)
        outputs, result = [], defaultdict(list)
        for moment in inputs:
            gates = self.input2h(moment) + self.h2h(hidden)
            in_gate, forget_gate, candidate, out_gate = gates.chunk(4, dim=1)
            in_gate, forget_gate = torch.sigmoid(in_gate), torch.sigmoid(forget_gate)
            candidate, out_gate = torch.tanh(candidate), torch.sigmoid(out_gate)
            cell = forget_gate * cell + in_gate * candidate
            hidden = out_gate * torch.tanh(cell)
            recorded = {
                "ingate": in_gate,
                "outgate": out_gate,
                "forgetgate": forget_gate,
                "input": candidate,
                "cell": cell,
                "output": hidden,
            }
            outputs.append(hidden)
            for name, value in recorded.items():
                result[name].append(value)
        return self.fc(torch.stack(outputs)), {name: torch.stack(values) for name, values in result.items()}


def train_cnn(root: Path, steps: int, target: float = 1.0, seed: int = 0) -> NotebookNet:
    """The notebook's training loop with its DataLoader and transforms; returns the network.

    It ends when the training accuracy of the latest 100 steps is above `target`, or after `steps`.
    """
    mnist = torchvision_mnist()
    from torchvision import transforms

    torch.manual_seed(seed)
    normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    trainset = mnist(root, train=True, download=False, transform=normalise)
    loader = torch.utils.data.DataLoader(trainset, batch_size=16, shuffle=True)
    net = NotebookNet()
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    running_loss, running_accuracy = 0.0, torch.zeros(())
    for step, (image, label) in enumerate(loader, start=1):
        optimizer.zero_grad()
        output = net(image)["y"]
        loss = criterion(output, label)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        running_accuracy += torch.mean((label == torch.argmax(output, dim=-1)).float())
        if step == steps or (step % 100 == 0 and running_accuracy / 100 > target):
            break
        if step % 100 == 0:
            running_loss, running_accuracy = 0.0, torch.zeros(())
    return net


def busiest(net: NotebookNet, layer: str, starts: Tensor) -> int:
    """The unit that the notebook chooses: of the largest mean activity over the random starts."""
    with torch.no_grad():
        activity = net((starts - 0.1307) / 0.3081)[layer]
    return int(activity.mean(dim=0).argmax())


def tune(net: NotebookNet, layer: str, unit: int, starts: Tensor, steps: int) -> Tensor:
    """The notebook's search for a stimulus: the square of the activity, penalty 100, all gradients piling up."""
    image = starts.clone().requires_grad_()
    optimizer = optim.Adam([image], lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        image.data.clamp_(min=0.0, max=1.0)
        normalised = (image - 0.1307) / 0.3081
        activity = net(normalised)[layer].view(len(starts), -1)[:, unit]
        loss = -torch.mean(torch.square(activity)) + torch.mean(torch.square(normalised)) * 100
        loss.backward()
        optimizer.step()
        loss.item()
    return image.detach()


def memory_task(seq_len: int, batch_size: int, n_repeat: int) -> tuple[np.ndarray, np.ndarray]:
    """The notebook's task, (time, trial, 3) and (time, trial, 1)."""
    inputs = np.zeros((seq_len * n_repeat, batch_size, 3))
    outputs = np.zeros((seq_len * n_repeat, batch_size, 1))
    trials = range(batch_size)
    for repeat in range(n_repeat):
        start = repeat * seq_len
        inputs[start : start + seq_len, :, 0] = np.random.uniform(-1, 1, size=(seq_len, batch_size))
        stimulus = np.random.randint(seq_len // 2, size=(batch_size,))
        test = np.random.randint(seq_len // 2, seq_len - 1, size=(batch_size,))
        inputs[start + stimulus, trials, 1] = 1
        inputs[start + test, trials, 2] = 1
        outputs[start + test, trials, 0] = inputs[start + stimulus, trials, 0]
    return inputs, outputs


def train_lstm(steps: int, target: float = 0.0) -> NotebookLSTM:
    """The notebook's training loop for one unit; returns the network.

    It ends when the mean loss of the latest 500 steps is below `target`, or after `steps`.
    """
    net = NotebookLSTM(1)
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    criterion = nn.MSELoss()
    running_loss = 0.0
    for step in range(1, steps + 1):
        inputs, labels = memory_task(np.random.randint(5, 20), batch_size=16, n_repeat=3)
        optimizer.zero_grad()
        output = net(torch.from_numpy(inputs).type(torch.float))
        loss = criterion(output, torch.from_numpy(labels).type(torch.float))
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if step % 500 == 0:
            if running_loss / 500 < target:
                break
            running_loss = 0.0
    return net

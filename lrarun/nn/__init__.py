"""The maths: activations, losses, initial weights, layers, relaxation and optimizers. It knows no learning rule."""

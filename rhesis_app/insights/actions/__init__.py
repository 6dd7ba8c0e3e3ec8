"""What changes gates and decides them."""

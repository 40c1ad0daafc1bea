int LoadgenPlaceholder() { return 0; }

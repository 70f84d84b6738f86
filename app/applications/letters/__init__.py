"""Letters of the authority: what each says, and their issue as numbered, sealed documents."""

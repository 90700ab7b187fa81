-- How far the sandbox's clock is ahead of the real one. Real installations leave it empty and never read it.
CREATE TABLE sandbox_clock (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    shift interval NOT NULL CHECK (shift >= interval '0')
);

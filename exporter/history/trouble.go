package history

import "fmt"

// room returns an error unless the directory's disk has the reserve, in bytes, free.
func room(dir string, reserve int64) error {
	have, err := free(dir)
	if err != nil {
		return fmt.Errorf("ask for the free space of the store: %w", err)
	}
	if have < reserve {
		return fmt.Errorf("the disk of the store %s is full: %d MiB free, %d MiB needed; nothing was written. Make room, or keep less (retention); it goes on by itself",
			dir, have>>20, reserve>>20)
	}
	return nil
}

// adviseLock says what to do about a directory whose lock file cannot be had.
func adviseLock(dir string, err error) error {
	switch {
	case isLocked(err):
		return fmt.Errorf("the store %s is in use by another process (darkshare, or a Prometheus server): stop it, or name another directory: %w", dir, err)
	case isReadOnly(err):
		return fmt.Errorf("the store %s cannot be written to: let darkshare's user write there, or name another directory: %w", dir, err)
	}
	return adviseWrite(err)
}

// adviseWrite says what to do about a failed write.
func adviseWrite(err error) error {
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return fmt.Errorf("make room on the disk of the store, or keep less (retention): %w", err)
	case isReadOnly(err):
		return fmt.Errorf("let darkshare's user write to the store: %w", err)
	}
	return err
}

// damaged is an error about a file of the store that cannot be read.
func damaged(file string, err error, missing string) error {
	return fmt.Errorf("the store is damaged: %s: %w. Nothing was changed. Restore it from a backup, or move it away, and %s is missing", file, err, missing)
}

// newer is an error about a file that a later version has written.
func newer(file string, what string) error {
	return fmt.Errorf("the store is of a newer version: %s: %s. Nothing was changed. Run the darkshare or Prometheus that wrote it, or name another directory", file, what)
}

//go:build linux || darwin || freebsd

package history

import (
	"errors"

	"golang.org/x/sys/unix"
)

// free returns the bytes that may still be written to the directory's disk.
func free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

func isLocked(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) }

func isReadOnly(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
}

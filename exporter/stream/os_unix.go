//go:build unix

package stream

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const nonblocking = syscall.O_NONBLOCK

// readable waits at most d until a read would not block.
func readable(f *os.File, d time.Duration) (bool, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var n int
	var pollErr error
	err = conn.Control(func(fd uintptr) {
		n, pollErr = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(d.Milliseconds()))
	})
	if err != nil {
		return false, err
	}
	if pollErr == unix.EINTR {
		return false, nil
	}
	return n > 0, pollErr
}

// identify returns the file's device and inode, and whether no name is left for it.
func identify(_ string, fi os.FileInfo) (id identity, deleted bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{device: uint64(st.Dev), inode: st.Ino}, st.Nlink == 0
}

package stream

import (
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// born returns when the file was made; where the file system does not know, when it
// was last written to.
func born(path string, fi fs.FileInfo) time.Time {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &st) == nil && st.Mask&unix.STATX_BTIME != 0 {
		return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
	}
	return fi.ModTime()
}

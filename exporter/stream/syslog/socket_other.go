//go:build !linux

package syslog

import "errors"

// growBuffer makes the receive buffer as large as it may be, up to size, which is
// halved until the system allows it.
func growBuffer(s socket, size int) (got int) {
	for ; size >= 64<<10; size /= 2 {
		if s.SetReadBuffer(size) == nil {
			return size
		}
	}
	return 0
}

func (d *kernelDrops) read() error { return errors.ErrUnsupported }

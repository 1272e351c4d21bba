package syslog

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// growBuffer makes the receive buffer as large as it may be, up to size, and
// returns its size: past net.core.rmem_max where darkshare has CAP_NET_ADMIN.
func growBuffer(s socket, size int) (got int) {
	s.SetReadBuffer(size)
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
		got, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return got
}

// read asks the kernel for the socket's sk_drops, which SO_MEMINFO (Linux 4.12) has
// as its ninth number, and /proc/net/udp as its last column. Unlike the control
// message SO_RXQ_OVFL it needs no datagram that comes after the loss.
func (d *kernelDrops) read() error {
	raw, err := d.socket.SyscallConn()
	if err != nil {
		return err
	}
	const drops = 8 // SK_MEMINFO_DROPS
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	switch {
	case err != nil:
		return err
	case errno != 0:
		return errno
	case uintptr(size) < unsafe.Sizeof(info):
		return unix.ENOPROTOOPT // before Linux 4.12 there were fewer
	}
	d.now = info[drops]
	return nil
}

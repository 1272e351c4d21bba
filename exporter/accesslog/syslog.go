package accesslog

import "bytes"

// syslogHeader returns the length of the header that syslog daemons put before a
// record when they write it into a file, 0 where there is none: a time as in RFC 3164
// (Nov 22 05:32:00) or RFC 3339, mostly a host, and a tag that ends in a colon.
func syslogHeader(line []byte) int {
	n := syslogTime(line)
	if n == 0 {
		return 0
	}
	// The first or the second word is the tag.
	for range 2 {
		space := bytes.IndexByte(line[n:min(len(line), n+256)], ' ')
		if space <= 0 {
			return 0
		}
		n += space + 1
		if space > 1 && line[n-2] == ':' {
			return n
		}
	}
	return 0
}

// syslogTime returns the length of a header's time with the space behind it.
func syslogTime(line []byte) int {
	const bsd = len("Nov 22 05:32:00 ")
	if len(line) > bsd && line[3] == ' ' && line[6] == ' ' && line[9] == ':' && line[12] == ':' && line[15] == ' ' && month(line, 0) > 0 {
		return bsd
	}
	if len(line) > len("2026-11-22T05:32:00Z") && line[4] == '-' && line[7] == '-' && line[10] == 'T' && line[13] == ':' && line[16] == ':' {
		if i := bytes.IndexByte(line[19:min(len(line), 40)], ' '); i > 0 {
			if _, ok := readISO(line[:19+i]); ok {
				return 19 + i + 1
			}
		}
	}
	return 0
}

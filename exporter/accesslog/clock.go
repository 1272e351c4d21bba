package accesslog

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A clock reads one way to write a time. A time may be split over several
// values: a date, its fraction of a second, its zone; each gives its part in
// nanoseconds, and the sum is the time in UTC.
type clock struct {
	read func(v []byte) (ns int64, ok bool)
	// What of a time the clock tells: the day, the time of the day, less than a
	// second, the zone.
	date, hours, fraction, zone bool
	width                       int // of its text in bytes, where that is always the same
}

// completes reports whether the clock adds something that the other lacks.
func (c *clock) completes(d *clock) bool {
	return !c.date && (c.hours && !d.hours || c.fraction && !d.fraction || c.zone && !d.zone)
}

const (
	widthCLF   = len("10/Oct/2000:13:55:36 -0700")
	widthLocal = len("10/Oct/2000:13:55:36")
)

var (
	clockCLF   = &clock{read: readCLF, date: true, hours: true, zone: true, width: widthCLF}
	clockISO   = &clock{read: readISO, date: true, hours: true, zone: true, width: len("2000-10-10T13:55:36+00:00")}
	clockEpoch = &clock{read: readEpoch, date: true, hours: true, zone: true}
	clockFine  = &clock{read: readEpoch, date: true, hours: true, zone: true, fraction: true}
	clockLocal = &clock{read: readLocal, date: true, hours: true, width: widthLocal}
	clockAny   = &clock{read: readAny, date: true, hours: true, zone: true}
	clockDate  = &clock{read: readDate, date: true}
	clockTime  = &clock{read: readTime, hours: true}
	clockMsec  = &clock{read: readFraction(3), fraction: true, width: 3}
	clockUsec  = &clock{read: readFraction(6), fraction: true, width: 6}
)

// A timeCache remembers the last text of a clock: a second has many lines.
type timeCache struct {
	text [48]byte
	n    int
	ns   int64
}

func (t *timeCache) read(c *clock, v []byte) (int64, bool) {
	if len(v) == t.n && string(v) == string(t.text[:t.n]) {
		return t.ns, true
	}
	ns, ok := c.read(v)
	if ok && 0 < len(v) && len(v) <= len(t.text) {
		t.n, t.ns = copy(t.text[:], v), ns
	}
	return ns, ok
}

// digits reads v[i:i+n] as a number, -1 where it is none.
func digits(v []byte, i, n int) int {
	if i+n > len(v) {
		return -1
	}
	x := 0
	for _, c := range v[i : i+n] {
		if c < '0' || c > '9' {
			return -1
		}
		x = 10*x + int(c-'0')
	}
	return x
}

// month reads an English month's three letters at v[i:], 0 where there is none.
func month(v []byte, i int) int {
	if i+3 > len(v) {
		return 0
	}
	switch (uint32(v[i])<<16 | uint32(v[i+1])<<8 | uint32(v[i+2])) | 0x202020 {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// unix returns a date's nanoseconds since the epoch. The years are those that an
// int64 of nanoseconds can hold.
func unix(year, month, day, hour, min, sec int) (int64, bool) {
	if year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 ||
		uint(hour) > 23 || uint(min) > 59 || uint(sec) > 60 {
		return 0, false
	}
	if day > 28 && day > daysIn(year, month) {
		return 0, false
	}
	// Years that begin in March have their leap day at the end (Howard Hinnant,
	// "chrono-Compatible Low-Level Date Algorithms", days_from_civil).
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	days := y*365 + y/4 - y/100 + y/400 + (153*m+2)/5 + day - 1 - 719468
	return (int64(days)*86400 + int64(hour*3600+min*60+sec)) * int64(time.Second), true
}

func daysIn(year, month int) int {
	switch {
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	case month != 2:
		return 31
	case year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	}
	return 28
}

// readCLF reads nginx's $time_local and Apache's %t: 10/Oct/2000:13:55:36 -0700.
func readCLF(v []byte) (int64, bool) {
	if len(v) != widthCLF || v[2] != '/' || v[6] != '/' || v[11] != ':' || v[14] != ':' || v[17] != ':' || v[20] != ' ' {
		return 0, false
	}
	ns, ok := unix(digits(v, 7, 4), month(v, 3), two(v, 0), two(v, 12), two(v, 15), two(v, 18))
	hour, min := two(v, 22), two(v, 24)
	if uint(hour) > 23 || uint(min) > 59 {
		return 0, false
	}
	zone := int64(hour*60+min) * int64(time.Minute)
	switch v[21] {
	case '+':
		return ns - zone, ok
	case '-':
		return ns + zone, ok
	}
	return 0, false
}

// readLocal reads the time as HAProxy writes it, in the zone of its machine, which is
// taken to be this one: 10/Oct/2000:13:55:36.
func readLocal(v []byte) (int64, bool) {
	if len(v) != widthLocal || v[2] != '/' || v[6] != '/' || v[11] != ':' || v[14] != ':' || v[17] != ':' {
		return 0, false
	}
	ns, ok := unix(digits(v, 7, 4), month(v, 3), two(v, 0), two(v, 12), two(v, 15), two(v, 18))
	if !ok {
		return 0, false
	}
	at := time.Unix(0, ns).UTC()
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.Local).UnixNano(), true
}

// two reads the two digits at v[i:], -1 where there are none.
func two(v []byte, i int) int {
	a, b := v[i]-'0', v[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

// readZone reads a zone at v[i:] (Z, +hh:mm, +hhmm, +hh), as what it takes to come
// to UTC, and how many bytes it has.
func readZone(v []byte, i int) (ns int64, n int) {
	if i >= len(v) {
		return 0, 0
	}
	sign := int64(-1)
	switch v[i] {
	case 'Z', 'z':
		return 0, 1
	case '+':
	case '-':
		sign = 1
	default:
		return 0, 0
	}
	hour, min, n := digits(v, i+1, 2), 0, 3
	if i+3 < len(v) && v[i+3] == ':' {
		min, n = digits(v, i+4, 2), 6
	} else if i+3 < len(v) && '0' <= v[i+3] && v[i+3] <= '9' {
		min, n = digits(v, i+3, 2), 5
	}
	if uint(hour) > 23 || uint(min) > 59 {
		return 0, 0
	}
	return sign * int64(hour*60+min) * int64(time.Minute), n
}

// readISO reads RFC 3339 and its relatives: a space or an underscore for the T,
// slashes in the date, a fraction behind a point or a comma, any zone or none
// (then it is UTC).
func readISO(v []byte) (int64, bool) {
	if len(v) < len("2000-10-10T13:55:36") || v[4] != v[7] || v[4] != '-' && v[4] != '/' || v[13] != ':' || v[16] != ':' {
		return 0, false
	}
	if v[10] != 'T' && v[10] != 't' && v[10] != ' ' && v[10] != '_' {
		return 0, false
	}
	ns, ok := unix(digits(v, 0, 4), digits(v, 5, 2), digits(v, 8, 2), digits(v, 11, 2), digits(v, 14, 2), digits(v, 17, 2))
	if !ok {
		return 0, false
	}
	i := 19
	if i < len(v) && (v[i] == '.' || v[i] == ',') {
		fraction, n := readDecimals(v[i+1:])
		if n == 0 {
			return 0, false
		}
		ns += fraction
		i += 1 + n
	}
	if i < len(v) && v[i] == ' ' {
		i++
	}
	zone, n := readZone(v, i)
	return ns + zone, i+n == len(v)
}

// readDecimals reads the digits behind a decimal point as nanoseconds.
func readDecimals(v []byte) (ns int64, n int) {
	unit := int64(time.Second)
	for ; n < len(v) && '0' <= v[n] && v[n] <= '9'; n++ {
		unit /= 10
		ns += unit * int64(v[n]-'0')
	}
	return ns, n
}

// readEpoch reads a time since the epoch: seconds, or, where that would be
// thousands of years ahead, milliseconds, microseconds or nanoseconds.
func readEpoch(v []byte) (int64, bool) {
	n := 0
	whole := int64(0)
	for ; n < len(v) && '0' <= v[n] && v[n] <= '9'; n++ {
		if n == 19 {
			return 0, false
		}
		whole = 10*whole + int64(v[n]-'0')
	}
	if n == 0 || whole < 0 {
		return 0, false
	}
	unit := int64(time.Second)
	for limit := int64(1e11); whole >= limit && unit > 1; limit *= 1000 {
		unit /= 1000
	}
	if whole > math.MaxInt64/unit {
		return 0, false
	}
	ns := whole * unit
	if n < len(v) && v[n] == '.' {
		decimals, m := readDecimals(v[n+1:])
		ns += decimals / (int64(time.Second) / unit)
		n += 1 + m
	}
	if n < len(v) && (v[n] == 'e' || v[n] == 'E') {
		// No proxy writes this: the way may be long.
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil || f < 0 || f > math.MaxInt64/1e9 {
			return 0, false
		}
		return int64(f * 1e9), true
	}
	return ns, n == len(v) && ns >= 0
}

// readDate reads a date alone: 2000-10-10.
func readDate(v []byte) (int64, bool) {
	if len(v) != len("2000-10-10") || v[4] != '-' || v[7] != '-' {
		return 0, false
	}
	return unix(digits(v, 0, 4), digits(v, 5, 2), digits(v, 8, 2), 0, 0, 0)
}

// readTime reads the time of a day alone, with a fraction or without: 13:55:36.
func readTime(v []byte) (int64, bool) {
	if len(v) < len("13:55:36") || v[2] != ':' || v[5] != ':' {
		return 0, false
	}
	hour, min, sec := digits(v, 0, 2), digits(v, 3, 2), digits(v, 6, 2)
	if uint(hour) > 23 || uint(min) > 59 || uint(sec) > 60 {
		return 0, false
	}
	ns := int64(hour*3600+min*60+sec) * int64(time.Second)
	if len(v) == len("13:55:36") {
		return ns, true
	}
	fraction, n := readDecimals(v[9:])
	return ns + fraction, v[8] == '.' && n > 0 && 9+n == len(v)
}

// readAny reads a time that the format says nothing about.
func readAny(v []byte) (int64, bool) {
	switch {
	case len(v) > 2 && v[2] == '/':
		return readCLF(v)
	case len(v) > 4 && (v[4] == '-' || v[4] == '/'):
		return readISO(v)
	}
	return readEpoch(v)
}

// readFraction reads n digits of a second's fraction.
func readFraction(n int) func([]byte) (int64, bool) {
	return func(v []byte) (int64, bool) {
		ns, m := readDecimals(v)
		return ns, m == n && len(v) == n
	}
}

// A layout is one piece of a strftime format.
type layout struct {
	verb byte // 0: the literal
	lit  byte
}

// The widths of strftime's verbs that have always the same, in the C locale.
var verbWidths = map[byte]int{
	'Y': 4, 'y': 2, 'm': 2, 'd': 2, 'e': 2, 'H': 2, 'I': 2, 'M': 2, 'S': 2, 'b': 3, 'a': 3, 'p': 2, 'j': 3, 'z': 5,
}

var verbShorts = strings.NewReplacer("%%", "%%", "%T", "%H:%M:%S", "%R", "%H:%M", "%F", "%Y-%m-%d",
	"%D", "%m/%d/%y", "%h", "%b", "%r", "%I:%M:%S %p")

// strftime compiles a format of C's strftime, as Apache's %{...}t has it.
func strftime(format string) (*clock, error) {
	format = verbShorts.Replace(format)
	var (
		layouts []layout
		c       clock
		seen    = map[byte]bool{}
	)
	for i := 0; i < len(format); i++ {
		l := layout{lit: format[i]}
		width := 1
		if format[i] == '%' {
			if i++; i == len(format) {
				return nil, fmt.Errorf("time format %q ends in %%", format)
			}
			switch l.verb = format[i]; {
			case l.verb == '%', l.verb == 'n', l.verb == 't':
				l = layout{lit: map[byte]byte{'%': '%', 'n': '\n', 't': '\t'}[l.verb]}
			case l.verb == 's':
				c.date, c.hours, c.zone = true, true, true
				width = len("1700000000")
			case verbWidths[l.verb] > 0:
				width = verbWidths[l.verb]
			default:
				return nil, fmt.Errorf("time format %q: %%%c is not supported", format, l.verb)
			}
			seen[l.verb] = true
		}
		c.width += width
		layouts = append(layouts, l)
	}
	c.date = c.date || (seen['Y'] || seen['y']) && (seen['m'] || seen['b']) && (seen['d'] || seen['e'])
	c.hours = c.hours || seen['H'] || seen['I']
	c.zone = c.zone || seen['z']
	c.read = func(v []byte) (int64, bool) { return readLayouts(layouts, v) }
	return &c, nil
}

func readLayouts(layouts []layout, v []byte) (int64, bool) {
	var (
		year, mon, day = 1970, 1, 1
		hour, min, sec int
		add            int64
		pm             = -1
		i              int
	)
	for _, l := range layouts {
		if l.verb == 0 {
			if i >= len(v) || v[i] != l.lit {
				return 0, false
			}
			i++
			continue
		}
		width := verbWidths[l.verb]
		if l.verb != 's' && i+width > len(v) {
			return 0, false
		}
		switch l.verb {
		case 'Y':
			year = digits(v, i, 4)
		case 'y':
			if year = digits(v, i, 2) + 2000; year == 1999 {
				return 0, false
			}
		case 'm':
			mon = digits(v, i, 2)
		case 'b':
			mon = month(v, i)
		case 'd':
			day = digits(v, i, 2)
		case 'e':
			if day = digits(v, i, 2); v[i] == ' ' {
				day = digits(v, i+1, 1)
			}
		case 'H', 'I':
			hour = digits(v, i, 2)
		case 'M':
			min = digits(v, i, 2)
		case 'S':
			sec = digits(v, i, 2)
		case 'p':
			pm = 0
			if v[i]|0x20 == 'p' {
				pm = 12
			}
		case 'z':
			zone, n := readZone(v, i)
			if n != width {
				return 0, false
			}
			add += zone
		case 's':
			for width = 0; i+width < len(v) && digits(v, i+width, 1) >= 0; width++ {
			}
			ns, ok := readEpoch(v[i : i+width])
			if !ok {
				return 0, false
			}
			add += ns
		}
		i += width
	}
	if pm >= 0 && hour >= 0 {
		hour = hour%12 + pm
	}
	if i != len(v) {
		return 0, false
	}
	ns, ok := unix(year, mon, day, hour, min, sec)
	return ns + add, ok
}

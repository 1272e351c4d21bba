package accesslog

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestClocks(t *testing.T) {
	for _, c := range []struct {
		clock      *clock
		text, want string
	}{
		{clockCLF, "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"},
		{clockCLF, "29/feb/2024:23:59:60 +0530", "2024-02-29T18:30:00Z"},
		{clockCLF, "29/Feb/2023:00:00:00 +0000", ""},
		{clockCLF, "29/Feb/2100:00:00:00 +0000", ""},
		{clockCLF, "31/Apr/2023:00:00:00 +0000", ""},
		{clockCLF, "00/Apr/2023:00:00:00 +0000", ""},
		{clockCLF, "10/Oct/2000:24:00:00 +0000", ""},
		{clockCLF, "10/Oct/2000:13:60:00 +0000", ""},
		{clockCLF, "10/Oct/2000:13:55:36 *0000", ""},
		{clockCLF, "10/Oct/2000:13:55:36 +2460", ""},
		{clockCLF, "10/Oct/9999:13:55:36 +0000", ""},
		{clockCLF, "10/Oct/2000:1a:55:36 +0000", ""},
		{clockCLF, "10/Oct/2000:13:55:36", ""},
		{clockISO, "2000-10-10T13:55:36-07:00", "2000-10-10T20:55:36Z"},
		{clockISO, "2000-10-10T13:55:36Z", "2000-10-10T13:55:36Z"},
		{clockISO, "2000-10-10T13:55:36.123456789Z", "2000-10-10T13:55:36.123456789Z"},
		{clockISO, "2000-10-10T13:55:36.1234567899Z", "2000-10-10T13:55:36.123456789Z"},
		{clockISO, "2000/10/10 13:55:36,5 +0100", "2000-10-10T12:55:36.5Z"},
		{clockISO, "2000-10-10T13:55:36+01", "2000-10-10T12:55:36Z"},
		{clockISO, "2000-10-10T13:55:36", "2000-10-10T13:55:36Z"},
		{clockISO, "2000-10-10T13:55:36.Z", ""},
		{clockISO, "2000-10-10T13:55:36Zulu", ""},
		{clockISO, "2000-10-10", ""},
		{clockISO, "2000-13-10T13:55:36Z", ""},
		{clockEpoch, "1700000000", "2023-11-14T22:13:20Z"},
		{clockEpoch, "1700000000.25", "2023-11-14T22:13:20.25Z"},
		{clockEpoch, "1700000000250", "2023-11-14T22:13:20.25Z"},
		{clockEpoch, "1700000000250.5", "2023-11-14T22:13:20.2505Z"},
		{clockEpoch, "1700000000250000", "2023-11-14T22:13:20.25Z"},
		{clockEpoch, "1700000000250000000", "2023-11-14T22:13:20.25Z"},
		{clockEpoch, "1.7e9", "2023-11-14T22:13:20Z"},
		{clockEpoch, "99999999999999999999", ""},
		{clockEpoch, "-1", ""},
		{clockEpoch, "1e300", ""},
		{clockEpoch, "170000x", ""},
		{clockAny, "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"},
		{clockAny, "2000-10-10T13:55:36Z", "2000-10-10T13:55:36Z"},
		{clockAny, "1700000000.25", "2023-11-14T22:13:20.25Z"},
		{clockAny, "yesterday", ""},
		{layoutOf(t, "%d.%m.%y %I:%M:%S %p %z"), "14.11.23 10:13:20 PM +0000", "2023-11-14T22:13:20Z"},
		{layoutOf(t, "%d.%m.%y %I:%M:%S %p %z"), "14.11.23 12:13:20 AM +0000", "2023-11-14T00:13:20Z"},
		{layoutOf(t, "%d.%m.%y %I:%M:%S %p %z"), "14.11.23 xx:13:20 AM +0000", ""},
		{layoutOf(t, "%a %b %e %H:%M:%S %Y"), "Tue Nov  4 22:13:20 2023", "2023-11-04T22:13:20Z"},
		{layoutOf(t, "%a %b %e %H:%M:%S %Y"), "Tue Nov 14 22:13:20 202", ""},
		{layoutOf(t, "%s"), "1700000000", "2023-11-14T22:13:20Z"},
		{layoutOf(t, "%%%F_%R"), "%2023-11-14_22:13", "2023-11-14T22:13:00Z"},
		{layoutOf(t, "%F_%R"), "2023-11-14_22:13 ", ""},
	} {
		var cache timeCache
		for range 2 { // the second time from the cache
			ns, ok := cache.read(c.clock, []byte(c.text))
			got := ""
			if ok {
				got = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
			}
			if got != c.want {
				t.Errorf("%s: got %q, want %q", c.text, got, c.want)
			}
		}
	}
}

func layoutOf(t *testing.T, format string) *clock {
	c, err := strftime(format)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClocksAgreeWithTime reads what package time writes.
func TestClocksAgreeWithTime(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	strf := layoutOf(t, "%d/%b/%Y:%T %z")
	for range 20000 {
		zone := time.FixedZone("", (rnd.IntN(27*4)-12*4)*900)
		want := time.Unix(86400+rnd.Int64N(290*365*86400), 0).In(zone)
		if y := want.Year(); y < 1970 || y > 2261 || zoneTooWide(want) {
			continue
		}
		clf, iso := want.Format("02/Jan/2006:15:04:05 -0700"), want.Format(time.RFC3339)
		for _, c := range []struct {
			clock *clock
			text  string
		}{{clockCLF, clf}, {strf, clf}, {clockISO, iso}, {clockAny, clf}, {clockAny, iso}} {
			if ns, ok := c.clock.read([]byte(c.text)); !ok || ns != want.UnixNano() {
				t.Fatalf("%s: got %v %v", c.text, time.Unix(0, ns).UTC(), ok)
			}
		}
	}
}

// zoneTooWide: no zone is a day away from UTC.
func zoneTooWide(t time.Time) bool {
	_, s := t.Zone()
	return s <= -86400 || s >= 86400
}

func TestStrftimeErrors(t *testing.T) {
	for _, format := range []string{"%", "%Q", "%Y-%m-%d %A"} {
		if _, err := strftime(format); err == nil {
			t.Errorf("%q: no error", format)
		}
	}
}

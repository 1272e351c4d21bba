package overview

import (
	"testing"
	"time"
)

// TestPaths draws buckets, written as estimate in percent of a scale to 100; the
// known share is 10 less, the ceiling 10 more. 0 is a bucket with too few visits.
func TestPaths(t *testing.T) {
	for _, c := range []struct {
		estimates  []float64
		line, band string
	}{
		{[]float64{50, 60}, "M25.00 50.00L75.00 40.00", "M25.00 40.00L75.00 30.00L75.00 50.00L25.00 60.00Z"},
		{[]float64{0, 50}, "M75.00 50.00h0", "M62.50 40.00L87.50 40.00L87.50 60.00L62.50 60.00Z"},
		{[]float64{50, 50, 0, 30}, "M12.50 50.00L37.50 50.00M87.50 70.00h0",
			"M12.50 40.00L37.50 40.00L37.50 60.00L12.50 60.00ZM81.25 60.00L93.75 60.00L93.75 80.00L81.25 80.00Z"},
		{[]float64{0, 0}, "", ""},
		{nil, "", ""},
	} {
		var buckets []bucket
		for _, e := range c.estimates {
			b := bucket{visits: leastVisits, dark: bounds{e/100 - 0.1, e / 100, e/100 + 0.1}}
			if e == 0 {
				b = bucket{visits: leastVisits - 1, dark: bounds{1, 1, 1}}
			}
			buckets = append(buckets, b)
		}
		line, band := plot{float64(len(buckets)), 1}.paths(buckets)
		if line != c.line || band != c.band {
			t.Errorf("%v:\nline %s\nband %s", c.estimates, line, band)
		}
	}
}

// TestChart names the least and the most, and says where visits are too few.
func TestChart(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	f := &figures{step: day, buckets: []bucket{
		{at, 500, bounds{0.1, 0.2, 0.3}},
		{at.Add(day), 3, bounds{1, 1, 1}},
		{at.Add(2 * day), 1500, bounds{0.2, 0.31, 0.44}},
	}}
	c := newChart(languages()[0], f)
	if want := "The estimate runs from 20% to 31%; it was highest (31%) at Tue 3 Nov. The table below has all numbers."; c.Desc != want {
		t.Error(c.Desc)
	}
	if got, want := c.Table[1], (chartRow{"Mon 2 Nov", "3", "–", "–", "–"}); got != want {
		t.Error(got)
	}
	if got, want := c.Table[2], (chartRow{"Tue 3 Nov", "1,500", "20%", "31%", "44%"}); got != want {
		t.Error(got)
	}
	if got, want := c.Columns[2].Title, "Tue 3 Nov: 31% (20% to 44%), 1,500 visits"; got != want {
		t.Error(got)
	}
	if got, want := c.Rows[4], (chartLine{0, "60%"}); got != want {
		t.Error(got)
	}
	f.buckets = f.buckets[1:2]
	if newChart(languages()[0], f) != nil {
		t.Error("a chart of 3 visits")
	}
}

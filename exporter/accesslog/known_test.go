package accesslog

import (
	"testing"

	"github.com/darkshare/darkshare/exporter/schema"
)

// TestNames: every name compiles, and its definition again to the same.
func TestNames(t *testing.T) {
	for _, name := range Names() {
		f := compile(t, name)
		if f.Name() != name {
			t.Errorf("%s has the name %s", name, f.Name())
		}
		if again := compile(t, f.Definition()); again.Fields() != f.Fields() {
			t.Errorf("%s: %q has %s, not %s", name, f.Definition(), again.Fields(), f.Fields())
		}
		if !f.Fields().Has(FieldTime|FieldStatus|FieldMethod|FieldTarget) || f.Fields()&(FieldClient|FieldForwardedFor) == 0 {
			t.Errorf("%s has only %s", name, f.Fields())
		}
	}
	for alias, name := range aliases {
		if compile(t, alias).Name() != name {
			t.Errorf("%s is %s, not %s", alias, compile(t, alias).Name(), name)
		}
	}
}

// FuzzParseKnown: no line makes a parser give a field that its format lacks, and what
// a syslog daemon puts before a record changes nothing of it.
func FuzzParseKnown(f *testing.F) {
	names := Names()
	for i, name := range names {
		for _, r := range benchRecords(2) {
			for _, line := range []string{r.combined(), r.haproxy(), r.envoy(), r.traefikJSON(), r.iis(), r.caddy()} {
				if name == "haproxy" || name == "envoy" || name == "iis" || line == r.combined() {
					f.Add(uint8(i), line)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, line string) {
		format := compile(t, names[int(i)%len(names)])
		var r, behind Request
		if format.NewParser().Parse([]byte(line), &r) != schema.ReasonNone {
			return
		}
		if extra := fieldsOf(&r) &^ format.Fields(); extra != 0 {
			t.Errorf("%s has %s and gives %s of %q", format.Name(), format.Fields(), extra, line)
		}
		const header = "Nov 22 05:32:00 lb1 proxy[1]: "
		if len(header)+len(line) > MaxLine {
			return
		}
		switch reason := format.NewParser().Parse([]byte(header+line), &behind); {
		case reason == schema.ReasonNone && show(&behind) == show(&r):
		case reason == schema.ReasonTime || reason == schema.ReasonStatus || reason == schema.ReasonNone && len(line) > 0:
			// The format can read the header as one of its own values.
			if syslogHeader([]byte(header+line)) != len(header) {
				t.Errorf("the header before %q is not seen", line)
			}
		default:
			t.Errorf("%s behind a header: %q is %s", format.Name(), line, reason)
		}
	})
}

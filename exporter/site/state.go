package site

import "github.com/darkshare/darkshare/exporter/state"

// Save writes the sites' names, which have their numbers by their order. Hosts on
// their way to becoming sites are left out, for who asked for them is part of it.
func (d *Directory) Save(e *state.Encoder) {
	e.Num(d.admitted)
	e.Uint(d.reached)
	e.Num(len(d.names) - 1)
	for _, name := range d.names[Other+1:] {
		e.String(name)
	}
}

// Restore takes up what Save has written, in a Directory that has no sites yet, so
// that every site has the number that it had.
func (d *Directory) Restore(in *state.Decoder) {
	d.admitted = in.Below(maxSites + 1)
	reached := in.Uint()
	n := in.Below(maxSites + 1)
	for range n {
		d.add(in.String())
	}
	d.reached = reached
	if len(d.names) != Other+1+n {
		in.Fail("a site is there twice")
	}
}

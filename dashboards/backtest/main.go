// Command backtest measures how well shifts of the dark share are told from chance, on
// simulated sites: how often there is a false alarm, and how soon shifts are found, by
// darkshare's method (package dashboards/shift, the one that the plugin and the recording rules
// go by) and by three others. docs/shifts.md says what is simulated and what the words mean.
//
// It prints Markdown, and fails where docs/shifts.md has other figures; -update puts them there.
// The same seed gives the same figures.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
)

// The figures in the page are between these.
const (
	page     = "docs/shifts.md"
	begins   = "<!-- made by go run ./dashboards/backtest -update -->\n"
	finishes = "<!-- end -->\n"
)

func main() {
	log.SetFlags(0)
	small := flag.Bool("quick", false, "simulate less")
	update := flag.Bool("update", false, "write the figures to "+page)
	seed := flag.Uint64("seed", 1, "what chance begins with")
	flag.Parse()
	if *small {
		fmt.Print(run(quick, *seed))
		return
	}
	text := figures(*seed)
	fmt.Print(text)
	var err error
	switch {
	case *update:
		err = write(page, text)
	case *seed == 1:
		err = hold(page, text)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// figures are those of the page.
func figures(seed uint64) string {
	return "### With holidays and bot waves\n\n" + run(full, seed).String() +
		"\n### With bursts and a wandering share besides\n\n" + run(harsh, seed).String()
}

// hold returns an error where the page has other figures.
func hold(name, figures string) error {
	text, err := os.ReadFile(name)
	if err == nil && !bytes.Contains(text, []byte(begins+"\n"+figures+"\n"+finishes)) {
		err = fmt.Errorf("%s has other figures: run it with -update", name)
	}
	return err
}

func write(name, figures string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begins))
	_, after, end := bytes.Cut(rest, []byte(finishes))
	if !ok || !end {
		return fmt.Errorf("%s has no place for the figures", name)
	}
	return os.WriteFile(name, fmt.Appendf(nil, "%s%s\n%s\n%s%s", before, begins, figures, finishes, after), 0o666)
}

//go:build mage

// The project's commands: go tool mage -l lists them.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"
)

// Default is what `go tool mage` does without a target.
var Default = Build

const (
	binary = "dist/darkshare"
	// profile is of the way of a line, and guides the compiler
	// (https://go.dev/doc/pgo): 5 to 9 % less CPU time for a minute more of the first build.
	profile = "exporter/bench/replay.pgo"
)

// Build makes dist/darkshare.
func Build() error {
	version := "devel"
	if v, err := sh.Output("git", "describe", "--tags", "--always", "--dirty"); err == nil && v != "" {
		version = v
	}
	return sh.RunWithV(map[string]string{"CGO_ENABLED": "0"},
		"go", "build", "-trimpath", "-pgo", profile, "-ldflags", "-s -w -X main.version="+version, "-o", binary, "./exporter/cmd/darkshare")
}

// Profile measures anew what the compiler is guided by.
func Profile() error {
	return sh.RunV("go", "test", "-run", "^$", "-bench", "^BenchmarkEngine$", "-benchtime", "30s",
		"-cpuprofile", profile, "-o", "dist/pipeline.test", "./exporter/pipeline")
}

// Test checks the code and runs every test: with the race detector where there is
// concurrency, and once more without it what it is too slow or too greedy for: the
// flood at its full size, the time of a scrape, what is allocated, how near the
// estimates are. That goes one package at a time, so that none slows down what
// another one measures.
func Test() error {
	mg.SerialDeps(Lint, Build)
	list, err := sh.Output("go", "list", "./...")
	if err != nil {
		return err
	}
	race := []string{"test", "-race", "-timeout", "20m"}
	for _, p := range strings.Fields(list) {
		// The simulator has one goroutine, and takes minutes with the detector.
		if !strings.HasSuffix(p, "/simulate") {
			race = append(race, p)
		}
	}
	if err := sh.RunV("go", race...); err != nil {
		return err
	}
	if err := sh.RunV("go", "test", "-timeout", "20m", "./exporter/simulate"); err != nil {
		return err
	}
	return sh.RunV("go", "test", "-p", "1", "-timeout", "20m", "-run", "Flood|ScrapeUnderLoad|Alloc|Accuracy", "./exporter/...")
}

// Lint runs gofmt, go vet and staticcheck.
func Lint() error {
	unformatted, err := sh.Output("gofmt", "-l", "exporter", "Magefile.go")
	if err != nil {
		return err
	}
	if unformatted != "" {
		return fmt.Errorf("gofmt would change:\n%s", unformatted)
	}
	if err := sh.RunV("go", "vet", "./..."); err != nil {
		return err
	}
	if err := sh.RunV("go", "vet", "-tags", "mage", "Magefile.go"); err != nil {
		return err
	}
	return sh.RunV("go", "tool", "staticcheck", "./...")
}

// Bench measures replay against splitting fields and counting lines, and the hot path.
func Bench() error {
	mg.Deps(Build)
	if err := sh.RunV("go", "run", "./exporter/bench", "-darkshare", binary); err != nil {
		return err
	}
	return sh.RunV("go", "test", "-run", "^$", "-bench", ".", "-benchmem",
		"./exporter/accesslog", "./exporter/attribution", "./exporter/visit", "./exporter/pipeline")
}

// BenchHistory measures replay into a store, of 10,000,000 lines in four weeks.
func BenchHistory() error {
	mg.Deps(Build)
	return sh.RunV("go", "run", "./exporter/bench", "-darkshare", binary, "-history", "-lines", "10000000", "-rounds", "3")
}

// Fuzz runs every fuzz target for a while: FUZZTIME, or 30s.
func Fuzz() error {
	mg.Deps(Build)
	duration := os.Getenv("FUZZTIME")
	if duration == "" {
		duration = "30s"
	}
	files, err := filepath.Glob("exporter/*/*_test.go")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			name, ok := strings.CutPrefix(line, "func Fuzz")
			if !ok {
				continue
			}
			name, _, _ = strings.Cut(name, "(")
			err := sh.RunV("go", "test", "./"+filepath.Dir(file), "-run", "^$", "-fuzz", "^Fuzz"+name+"$", "-fuzztime", duration)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Demo simulates a site's traffic and shows what darkshare says of it, until Ctrl-C.
func Demo() error {
	mg.Deps(Build)
	cmd := exec.Command(binary, "demo")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// Evaluate prints how well darkshare attributes, on the corpora and on simulated traffic.
func Evaluate() error {
	return sh.RunV("go", "test", "-v", "-count=1", "-run", "Corpus|Accuracy", "./exporter/attribution", "./exporter/evaluate")
}

package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/simulate"
)

const (
	// leastThroughput is what replay into a store must reach of plain replay's.
	leastThroughput = 0.6
	// mostGrowth is how much more memory four weeks may take than one.
	mostGrowth = 1.25
	// linesPerVisit is what the simulation writes with 30 % of its lines by bots.
	linesPerVisit = 16.45
)

// measureHistory measures replay into a store beside plain replay, over four weeks.
func measureHistory(binary string, lines, rounds int) error {
	dir, err := os.MkdirTemp("", "darkshare-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	visits := float64(lines) / linesPerVisit / (28 * 24)
	weeks := []struct {
		log  string
		days int
	}{{filepath.Join(dir, "four-weeks.log"), 28}, {filepath.Join(dir, "one-week.log"), 7}}
	written := make([]int, len(weeks))
	for i, w := range weeks {
		if written[i], err = simulated(w.log, w.days, visits); err != nil {
			return err
		}
	}
	store := filepath.Join(dir, "store")
	commands := []struct {
		name string
		args []string
	}{
		{"replay", []string{binary, "replay", "--site", "www.example.com", weeks[0].log}},
		{"replay --store", []string{binary, "replay", "--site", "www.example.com", "--store", store, weeks[0].log}},
		{"the same, a week", []string{binary, "replay", "--site", "www.example.com", "--store", store, weeks[1].log}},
	}
	costs := make([][]cost, len(commands))
	for range rounds {
		for i, c := range commands {
			got, _, err := run(c.args)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			costs[i] = append(costs[i], got)
			if err := os.RemoveAll(store); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d lines of four weeks, %d of one, %d rounds: the least of each\n\n", written[0], written[1], rounds)
	fmt.Printf("%-18s %10s %10s %10s\n", "", "CPU s", "wall s", "peak MiB")
	for i, c := range commands {
		fmt.Printf("%-18s %10.2f %10.2f %10.1f\n", c.name, least(costs[i]).Seconds(), shortest(costs[i]).Seconds(), float64(smallest(costs[i]))/(1<<20))
	}
	throughput := float64(shortest(costs[0])) / float64(shortest(costs[1]))
	growth := float64(smallest(costs[1])) / float64(smallest(costs[2]))
	fmt.Printf("\ninto the store: %.0f %% of the throughput (CPU time: %.0f %%), %.2f times a week's memory\n",
		100*throughput, 100*float64(least(costs[0]))/float64(least(costs[1])), growth)
	var errs []error
	if throughput < leastThroughput {
		errs = append(errs, fmt.Errorf("replay into a store reaches %.0f %% of the throughput, less than %.0f", 100*throughput, 100*leastThroughput))
	}
	if growth > mostGrowth {
		errs = append(errs, fmt.Errorf("four weeks take %.2f times the memory of one, more than %.2f", growth, mostGrowth))
	}
	return errors.Join(errs...)
}

func simulated(name string, days int, visits float64) (lines int, err error) {
	mix, err := simulate.MixByName("news")
	if err != nil {
		return 0, err
	}
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	truth, err := simulate.Run(simulate.Options{
		Seed: 7, Start: time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), Duration: time.Duration(days) * 24 * time.Hour,
		Visits: visits, Bots: 0.3, Site: simulate.Site{Host: "www.example.com"}, Mix: mix, Format: simulate.Combined,
	}, w)
	if err != nil {
		return 0, err
	}
	return int(truth.Lines), cmp.Or(w.Flush(), f.Close())
}

func shortest(costs []cost) time.Duration {
	return slices.MinFunc(costs, func(a, b cost) int { return cmp.Compare(a.wall, b.wall) }).wall
}

func smallest(costs []cost) int64 {
	return slices.MinFunc(costs, func(a, b cost) int { return cmp.Compare(a.memory, b.memory) }).memory
}

// Command bench measures what a replay costs beside the least that any program
// could do with the same log: counting its lines, and splitting its fields.
//
// Every round runs the three one after the other as processes of their own. CPU time
// and peak memory are the operating system's (wait4). What else a machine does only
// adds to a program's time, and to that of one that uses much memory more than to
// that of one that uses little; so the rounds with the least time are held against
// each other, and the medians stand beside them.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/darkshare/darkshare/exporter/simulate"
)

const (
	// mostSplits is how much more CPU time than the split a replay may take.
	mostSplits = 3.0
	mostMemory = 64 << 20
)

func main() {
	var (
		binary = flag.String("darkshare", "dist/darkshare", "the `binary` to measure")
		lines  = flag.Int("lines", 1_000_000, "how many `lines` the log has")
		rounds = flag.Int("rounds", 25, "how many `rounds` are measured, after one that is not")
		old    = flag.Bool("history", false, "measure replay into a store, over four weeks, in place of the least")
		child  = flag.String("child", "", "")
	)
	flag.Parse()
	err := func() error {
		switch *child {
		case "":
			if *old {
				return measureHistory(*binary, *lines, *rounds)
			}
			return measure(*binary, *lines, *rounds)
		case "count":
			return blocks(flag.Arg(0), countLines)
		case "split":
			return blocks(flag.Arg(0), splitFields)
		}
		return errors.New("unknown child")
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A cost is what one process took.
type cost struct {
	cpu, wall time.Duration
	memory    int64
}

func measure(binary string, lines, rounds int) error {
	dir, err := os.MkdirTemp("", "darkshare-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := filepath.Join(dir, "access.log")
	size, err := write(log, lines)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	commands := []struct {
		name string
		args []string
	}{
		{"count newlines", []string{self, "-child", "count", log}},
		{"split all fields", []string{self, "-child", "split", log}},
		{"darkshare replay", []string{binary, "replay", "--format", "combined", "--site", "www.example.com", "--output", "json", log}},
	}
	costs := make([][]cost, len(commands))
	var output []byte
	for round := range rounds + 1 {
		for i, c := range commands {
			got, out, err := run(c.args)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 {
				costs[i] = append(costs[i], got)
			}
			output = out
		}
	}
	fmt.Printf("%d lines, %.0f MB, %d processors, %d rounds\n\n", lines, float64(size)/1e6, runtime.NumCPU(), rounds)
	fmt.Printf("%-18s %10s %10s %10s %10s %10s %10s\n", "", "CPU s", "x split", "median", "x split", "wall s", "peak MiB")
	for i, c := range commands {
		least, m := least(costs[i]), median(costs[i])
		fmt.Printf("%-18s %10.3f %10.2f %10.3f %10.2f %10.3f %10.1f\n", c.name, least.Seconds(), ratio(costs[i], costs[1]),
			m.cpu.Seconds(), float64(m.cpu)/float64(median(costs[1]).cpu), m.wall.Seconds(), float64(m.memory)/(1<<20))
	}
	return check(output, lines, ratio(costs[2], costs[1]), median(costs[2]).memory)
}

// check holds the figures against what is promised.
func check(output []byte, lines int, ratio float64, memory int64) error {
	var report struct {
		Lines    int
		Errors   map[string]int
		Requests map[string]int
	}
	if err := json.Unmarshal(output, &report); err != nil {
		return fmt.Errorf("the output of replay: %w", err)
	}
	sum := 0
	for _, counts := range []map[string]int{report.Errors, report.Requests} {
		for _, n := range counts {
			sum += n
		}
	}
	var errs []error
	if report.Lines != lines || sum != lines {
		errs = append(errs, fmt.Errorf("replay counted %d lines and %d records of %d", report.Lines, sum, lines))
	}
	if ratio > mostSplits {
		errs = append(errs, fmt.Errorf("replay took %.2f times the split's CPU time, more than %.1f", ratio, mostSplits))
	}
	if memory > mostMemory {
		errs = append(errs, fmt.Errorf("replay took %.1f MiB, more than %d", float64(memory)/(1<<20), mostMemory>>20))
	}
	return errors.Join(errs...)
}

func write(name string, lines int) (int64, error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := simulate.WriteBenchLog(f, lines); err != nil {
		return 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), f.Close()
}

func run(args []string) (cost, []byte, error) {
	var out bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, nil, err
	}
	c := cost{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.memory = usage.Maxrss << 10
	}
	return c, out.Bytes(), nil
}

// ratio returns a's least CPU time over b's.
func ratio(a, b []cost) float64 { return float64(least(a)) / float64(least(b)) }

// least returns the CPU time of the round that was disturbed least.
func least(costs []cost) time.Duration {
	return slices.MinFunc(costs, func(a, b cost) int { return cmp.Compare(a.cpu, b.cpu) }).cpu
}

// median returns the cost whose CPU time is the median.
func median(costs []cost) cost {
	sorted := slices.SortedFunc(slices.Values(costs), func(a, b cost) int { return cmp.Compare(a.cpu, b.cpu) })
	return sorted[len(sorted)/2]
}

// blocks reads a file in blocks of 1 MiB that end with a line, and hands them to f.
func blocks(name string, f func([]byte) int) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, 1<<20)
	have, sum := 0, 0
	for {
		n, err := file.Read(buf[have:])
		have += n
		if end := bytes.LastIndexByte(buf[:have], '\n') + 1; end > 0 {
			sum += f(buf[:end])
			have = copy(buf, buf[end:have])
		}
		if err == io.EOF {
			fmt.Println(sum)
			return nil
		}
		if err != nil {
			return err
		}
		if have == len(buf) {
			return errors.New("a line is longer than a block")
		}
	}
}

func countLines(block []byte) int { return bytes.Count(block, []byte{'\n'}) }

// splitFields finds every field of combined-format lines, and nothing else.
func splitFields(block []byte) (sum int) {
	var fields [9][]byte
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		line := block[:end]
		block = block[end+1:]
		n := 0
		for n < len(fields) && len(line) > 0 {
			stop := byte(' ')
			switch line[0] {
			case '"':
				stop, line = '"', line[1:]
			case '[':
				stop, line = ']', line[1:]
			}
			i := bytes.IndexByte(line, stop)
			if i < 0 {
				i = len(line)
			}
			fields[n] = line[:i]
			n++
			line = line[min(i+1, len(line)):]
			if stop != ' ' && len(line) > 0 && line[0] == ' ' {
				line = line[1:]
			}
		}
		for _, f := range fields[:n] {
			sum += len(f)
		}
	}
	return sum
}

package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// An entry is a file in an archive.
type entry struct {
	name string
	from string
	mode fs.FileMode
}

// archive writes base.tar.gz, or base.zip for Windows: a directory of that name with the
// program, its licence, its documents and an example of a configuration.
func (r *release) archive(p platform, base, binary string, docs documents) error {
	dir := filepath.Base(base) + "/"
	entries := []entry{
		{p.binary(), binary, 0o755},
		{"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644},
		{"README.md", filepath.Join(r.root, "README.md"), 0o644},
		{"CHANGELOG.md", filepath.Join(r.root, "CHANGELOG.md"), 0o644},
		{"darkshare.yaml", filepath.Join(r.root, "packaging", "darkshare.yaml"), 0o644},
	}
	if p.os != "windows" {
		entries = append(entries, entry{"darkshare.1", docs.path("darkshare.1"), 0o644})
		for _, shell := range shells {
			name := "completions/darkshare." + shell
			entries = append(entries, entry{name, docs.path(name), 0o644})
		}
	}
	write, suffix := writeTar, ".tar.gz"
	if p.os == "windows" {
		write, suffix = writeZip, ".zip"
	}
	f, err := os.Create(base + suffix)
	if err != nil {
		return err
	}
	return errors.Join(write(f, dir, entries, r.date), f.Close())
}

func writeTar(w io.Writer, dir string, entries []entry, date time.Time) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, e := range entries {
		data, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: dir + e.name, Mode: int64(e.mode), Size: int64(len(data)), ModTime: date}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(data); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

func writeZip(w io.Writer, dir string, entries []entry, date time.Time) error {
	z := zip.NewWriter(w)
	for _, e := range entries {
		data, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: dir + e.name, Method: zip.Deflate, Modified: date}
		header.SetMode(e.mode)
		to, err := z.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := to.Write(data); err != nil {
			return err
		}
	}
	return z.Close()
}

// Writes recordings as Kapacitor's services/replay does. Usage: go run . FOLDER
package main

import (
	"archive/zip"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/influxdata/kapacitor"
	"github.com/influxdata/kapacitor/edge"
	"github.com/influxdata/kapacitor/models"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	folder := os.Args[1]
	check(os.MkdirAll(folder, 0o755))
	start := time.Date(2026, 3, 2, 9, 0, 0, 123456789, time.UTC)
	create := func(name string) *os.File {
		file, err := os.Create(filepath.Join(folder, name))
		check(err)
		return file
	}

	batches := create("batch.brpl")
	archive := zip.NewWriter(batches)
	for query := 0; query < 2; query++ {
		member, err := archive.Create(strconv.Itoa(query))
		check(err)
		for i := 0; i < 3; i++ {
			tags := models.Tags{"host": fmt.Sprintf("h%d", i), "region": "eu, \"west\""}
			tmax := start.Add(10 * time.Second)
			if i == 2 {
				tags, tmax = nil, time.Time{}
			}
			var points []edge.BatchPointMessage
			for j, usage := range []float64{99.5, 98, 97.5} {
				fields := models.Fields{"usage": usage + float64(query), "up": j%2 == 0, "note": "two\nlines"}
				points = append(points, edge.NewBatchPointMessage(fields, tags, start.Add(time.Duration(j)*time.Second)))
			}
			begin := edge.NewBeginBatchMessage("cpu", tags, query == 1, tmax, len(points))
			batch := edge.NewBufferedBatchMessage(begin, points, edge.NewEndBatchMessage())
			check(kapacitor.WriteBatchForRecording(member, batch))
		}
		empty := edge.NewBufferedBatchMessage(edge.NewBeginBatchMessage("cpu", nil, false, start, 0), nil, edge.NewEndBatchMessage())
		check(kapacitor.WriteBatchForRecording(member, empty))
	}
	check(archive.Close())
	check(batches.Close())

	stream := create("stream.srpl")
	writer := gzip.NewWriter(stream)
	for i := 0; i < 3; i++ {
		fields := models.Fields{"usage": 99.5 - float64(i), "n": int64(i), "note": "a \"b\""}
		tags := models.Tags{"host": fmt.Sprintf("h %d", i)}
		database := "telegraf"
		if i == 2 {
			database = ""
		}
		point := edge.NewPointMessage("cpu", database, "autogen", models.Dimensions{}, fields, tags, start.Add(time.Duration(i)*time.Second))
		check(kapacitor.WritePointForRecording(writer, point, "n"))
	}
	check(writer.Close())
	check(stream.Close())
}

// Reads line protocol with InfluxDB's own parser, and prints it again with its own printer, to be measured beside
// tine. It prints points a second of reading alone, and of both.
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// run reads all points of the text, prints them where there is an encoder, and returns how many there were.
func run(text []byte, encoder *lineprotocol.Encoder) int {
	decoder := lineprotocol.NewDecoderWithBytes(text)
	points := 0
	for decoder.Next() {
		measurement, err := decoder.Measurement()
		check(err)
		if encoder != nil {
			encoder.StartLineRaw(measurement)
		}
		for {
			key, value, err := decoder.NextTag()
			check(err)
			if key == nil {
				break
			}
			if encoder != nil {
				encoder.AddTagRaw(key, value)
			}
		}
		for {
			key, value, err := decoder.NextField()
			check(err)
			if key == nil {
				break
			}
			if encoder != nil {
				encoder.AddFieldRaw(key, value)
			}
		}
		at, err := decoder.Time(lineprotocol.Nanosecond, time.Time{})
		check(err)
		if encoder != nil {
			encoder.EndLine(at)
			check(encoder.Err())
			if points%1000 == 0 {
				encoder.Reset()
			}
		}
		points++
	}
	return points
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func rate(text []byte, encoder *lineprotocol.Encoder) float64 {
	started := time.Now()
	points := run(text, encoder)
	return float64(points) / time.Since(started).Seconds()
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	encoder := &lineprotocol.Encoder{}
	encoder.SetPrecision(lineprotocol.Nanosecond)
	encoder.SetLax(true) // tags need not be sorted
	run(text, encoder)   // warms up
	fmt.Println(rate(text, nil), rate(text, encoder))
}

// Has the controller's ports (16 rows, 4 columns, 4 lanes), but does what it is told: a beat of deltas says what the pins
// do in the next cycle. Tests use it to show the harness what a correct controller never would.
module pulsetrain_controller (
    input clk, input rst,
    input [63:0] deltas__payload, input deltas__valid, output deltas__ready,
    input [63:0] seed__payload, input seed__valid, output seed__ready,
    input [4:0] settings__threshold_log2, input [3:0] settings__max_pulses, input [2:0] settings__parallel_max,
    input [15:0] settings__setup_cycles, input [15:0] settings__set_cycles, input [15:0] settings__reset_cycles,
    input [15:0] settings__hold_cycles, input [15:0] settings__recovery_cycles, input [15:0] settings__ready_limit,
    input [7:0] settings__set_lines__word_code, input [7:0] settings__set_lines__bit_code,
    input [7:0] settings__set_lines__source_code, input [1:0] settings__set_lines__word_unselected,
    input [1:0] settings__set_lines__bit_unselected, input [1:0] settings__set_lines__source_unselected,
    input [7:0] settings__reset_lines__word_code, input [7:0] settings__reset_lines__bit_code,
    input [7:0] settings__reset_lines__source_code, input [1:0] settings__reset_lines__word_unselected,
    input [1:0] settings__reset_lines__bit_unselected, input [1:0] settings__reset_lines__source_unselected,
    input arm, input [15:0] pulse_limit, input abort,
    output reg [2:0] crossbar__operation, output reg crossbar__select, output reg crossbar__strobe,
    output reg [3:0] crossbar__row, output reg [3:0] crossbar__columns,
    output reg [7:0] crossbar__word_code, output [7:0] crossbar__bit_code, output [7:0] crossbar__source_code,
    output [1:0] crossbar__word_unselected, output [1:0] crossbar__bit_unselected,
    output [1:0] crossbar__source_unselected, input crossbar__ready,
    output reg report__valid, output reg [3:0] report__row, output reg report__polarity, output reg [3:0] report__columns,
    output reg [15:0] report__cycles, output reg report__cut,
    output reg done__valid, output reg [1:0] done__status,
    output reg armed, output reg seeded, output seeding, output reg busy, output reg [1:0] fault,
    output [8:0] settings_error, output seed_error,
    output reg [63:0] random_seed, output reg [63:0] random_steps, input [15:0] state_index, output reg [31:0] state_word,
    output [31:0] counters__cells_set, output [31:0] counters__cells_reset, output [31:0] counters__saturated,
    output [31:0] counters__slots, output [31:0] counters__cut, output [31:0] counters__requests
);
    reg [3:0] beat;
    // A threshold of 0 or 2 is refused; max_pulses 2: no beat is ever taken; max_pulses 3: not armed; a seed of 2 is refused,
    // a seed of 3 never ends.
    assign settings_error = settings__threshold_log2 == 0 || settings__threshold_log2 == 2 ? 9'h101 : 9'h000;
    assign deltas__ready = armed && seeded && !abort && settings__max_pulses != 2 && (settings_error == 0 || beat != 0);
    assign seed__ready = seed__payload != 2;
    assign seeding = random_seed == 3;
    assign seed_error = 0;
    assign {crossbar__bit_code, crossbar__source_code} = 0;
    assign {crossbar__word_unselected, crossbar__bit_unselected, crossbar__source_unselected} = 0;
    assign {counters__cells_set, counters__cells_reset, counters__saturated} = {32'd11, 32'd12, 32'd13};
    assign {counters__slots, counters__cut, counters__requests} = {32'd14, 32'd15, 32'd16};

    always @(posedge clk) begin
        {crossbar__operation, crossbar__select, crossbar__strobe, crossbar__row, crossbar__columns} <= 0;
        {report__valid, report__polarity, report__row, report__columns, report__cycles, report__cut} <= 0;
        {crossbar__word_code, done__valid, done__status} <= 0;
        armed <= arm && pulse_limit != 3;
        state_word <= {state_index, 16'h5AFE} ^ random_steps[31:0];
        if (seed__valid && seed__ready) {seeded, random_seed, random_steps} <= {1'b1, seed__payload, 64'd0};
        if (deltas__valid && deltas__ready) begin
            {report__cut, report__cycles[7:0], report__columns, report__row, report__polarity, report__valid,
             crossbar__columns, crossbar__row, crossbar__strobe, crossbar__select, crossbar__operation}
                <= deltas__payload[35:0];
            crossbar__word_code <= deltas__payload[43:36];
            if (deltas__payload[46]) fault <= 2'd2;
            done__valid <= beat == 15 && !deltas__payload[47] || deltas__payload[46];
            done__status <= deltas__payload[46] ? 2'd2 : 2'd0;
            busy <= beat != 15;
            beat <= beat + 1;
            random_steps <= random_steps + 1;
        end
        if (abort) begin
            {beat, busy} <= 0;
            {done__valid, done__status} <= {busy, 2'd1};
        end
        if (rst) {armed, seeded, busy, beat, random_steps, random_seed, fault} <= 0;
    end
endmodule

// Has the core's ports (16 rows, 4 columns, 4 lanes, 2 converters), but does what it is told: a beat of an UPDATE says what
// the pins do in the next cycle. Tests use it to show the harness what a correct core never would.
module pulsetrain_core (
    input clk, input rst,
    input [64:0] commands__payload, input commands__valid, output commands__ready,
    output reg [64:0] responses__payload, output reg responses__valid, input responses__ready,
    input [63:0] seed__payload, input seed__valid, output seed__ready,
    input [4:0] settings__threshold_log2, input [3:0] settings__max_pulses, input [2:0] settings__parallel_max,
    input [15:0] settings__setup_cycles, input [15:0] settings__set_cycles, input [15:0] settings__reset_cycles,
    input [15:0] settings__hold_cycles, input [15:0] settings__recovery_cycles, input [15:0] settings__ready_limit,
    input [15:0] settings__settle_cycles, input [15:0] settings__conversion_limit, input [15:0] settings__form_cycles,
    input [15:0] settings__forward_full_scale, input [15:0] settings__backward_full_scale,
    input [15:0] settings__verify_full_scale, input settings__verify, input [7:0] settings__verify_step,
    input [7:0] settings__verify_tolerance, input [7:0] settings__program_tolerance, input [7:0] settings__try_limit,
    input [1:0] settings__pair_policy, input [7:0] settings__refresh_pulses, input [1:0] settings__ramp,
    input [15:0] settings__set_ramp__start, input [15:0] settings__set_ramp__step, input [15:0] settings__set_ramp__stop,
    input [15:0] settings__reset_ramp__start, input [15:0] settings__reset_ramp__step,
    input [15:0] settings__reset_ramp__stop, input [15:0] settings__form_ramp__start,
    input [15:0] settings__form_ramp__step, input [15:0] settings__form_ramp__stop,
    input [7:0] settings__set_lines__word_code, input [7:0] settings__set_lines__bit_code,
    input [7:0] settings__set_lines__source_code, input [1:0] settings__set_lines__word_unselected,
    input [1:0] settings__set_lines__bit_unselected, input [1:0] settings__set_lines__source_unselected,
    input [7:0] settings__reset_lines__word_code, input [7:0] settings__reset_lines__bit_code,
    input [7:0] settings__reset_lines__source_code, input [1:0] settings__reset_lines__word_unselected,
    input [1:0] settings__reset_lines__bit_unselected, input [1:0] settings__reset_lines__source_unselected,
    input [7:0] settings__form_lines__word_code, input [7:0] settings__form_lines__bit_code,
    input [7:0] settings__form_lines__source_code, input [1:0] settings__form_lines__word_unselected,
    input [1:0] settings__form_lines__bit_unselected, input [1:0] settings__form_lines__source_unselected,
    input [7:0] settings__read_lines__word_code, input [7:0] settings__read_lines__bit_code,
    input [7:0] settings__read_lines__source_code, input [1:0] settings__read_lines__word_unselected,
    input [1:0] settings__read_lines__bit_unselected, input [1:0] settings__read_lines__source_unselected,
    input [15:0] form_key, input arm, input [15:0] pulse_limit, input abort_all,
    output reg [4:0] crossbar__operation, output reg crossbar__select, output reg crossbar__strobe,
    output reg [3:0] crossbar__row, output reg [3:0] crossbar__columns,
    output [7:0] crossbar__word_code, output [7:0] crossbar__bit_code, output [7:0] crossbar__source_code,
    output [1:0] crossbar__word_unselected, output [1:0] crossbar__bit_unselected,
    output [1:0] crossbar__source_unselected, input crossbar__ready,
    output reg crossbar__whole, output reg [15:0] crossbar__full_scale, output reg crossbar__convert,
    output reg [2:0] crossbar__group, input crossbar__converted, input [15:0] crossbar__codes,
    output reg dac__valid, output reg dac__side, output reg [1:0] dac__index, output reg [31:0] dac__codes,
    output reg report__valid, output reg [3:0] report__row, output reg report__polarity, output reg report__form,
    output reg [3:0] report__columns, output reg [15:0] report__cycles, output reg report__cut,
    output reg armed, output reg seeded, output seeding, output busy, output reg [1:0] fault,
    output [19:0] settings_error, output seed_error,
    output reg [63:0] random_seed, output reg [63:0] random_steps, input [15:0] state_index, output reg [31:0] state_word,
    output [31:0] counters__cells_set, output [31:0] counters__cells_reset, output [31:0] counters__saturated,
    output [31:0] counters__slots, output [31:0] counters__cut, output [31:0] counters__requests,
    output [31:0] counters__reads, output [31:0] counters__conversions, output [31:0] counters__verified,
    output [31:0] counters__unreached, output [31:0] counters__unverified
);
    localparam READ_FORWARD = 2, READ_BACKWARD = 3, UPDATE = 4;
    // Commands taken and not answered: those before `allowed` may be.
    reg [3:0] opcode [0:15];
    reg [7:0] tag [0:15];
    reg [3:0] status [0:15];
    reg [3:0] taken, answered, allowed;
    reg in_packet, dropping, again;
    reg [7:0] beat, data, code;
    reg level;
    // A threshold of 0 or 2 is refused; max_pulses 2: no beat is ever taken; a pulse limit of 3: not armed; a seed of 2 is
    // refused, a seed of 3 never ends. Tags: from 80 (hexadecimal) on a command without an UPDATE waits for the next one,
    // 55 has a beat of data too many, 56 is answered with another tag, 57 twice. A form key of 7 is the status of all.
    assign settings_error = settings__threshold_log2 == 0 || settings__threshold_log2 == 2 ? 20'h10101 : 20'h0;
    assign commands__ready = settings__max_pulses != 2 && (in_packet || taken - answered != 4'd15);
    assign seed__ready = seed__payload != 2;
    assign seeding = random_seed == 3;
    assign seed_error = 0;
    assign crossbar__word_code = level ? 8'd0 : code;
    assign crossbar__bit_code = crossbar__operation == 2 ? 8'd0 : code;
    assign crossbar__source_code = crossbar__operation == 2 ? code : 8'd0;
    assign {crossbar__word_unselected, crossbar__bit_unselected, crossbar__source_unselected} = 0;
    assign {counters__cells_set, counters__cells_reset, counters__saturated} = {32'd11, 32'd12, 32'd13};
    assign {counters__slots, counters__cut, counters__requests} = {32'd14, 32'd15, 32'd16};
    assign {counters__reads, counters__conversions, counters__verified} = {32'd17, 32'd18, 32'd19};
    assign {counters__unreached, counters__unverified} = {32'd20, 32'd21};

    wire [3:0] latest = taken - 4'd1;
    wire [63:0] word = commands__payload[63:0];
    wire last = commands__payload[64];
    wire accepted = commands__valid && commands__ready;
    wire plays = accepted && in_packet && !dropping && opcode[latest] == UPDATE;
    wire [7:0] length = opcode[answered] == READ_FORWARD ? 8'd2 : opcode[answered] == READ_BACKWARD ? 8'd8 : 8'd0;
    assign busy = taken != answered;
    integer i;

    always @(posedge clk) begin
        {crossbar__operation, crossbar__select, crossbar__strobe, crossbar__row, crossbar__columns} <= 0;
        {crossbar__whole, crossbar__full_scale, crossbar__convert, crossbar__group} <= 0;
        {report__valid, report__polarity, report__row, report__columns, report__cycles, report__cut, report__form} <= 0;
        {level, code, dac__valid, dac__side, dac__index, dac__codes} <= 0;
        armed <= arm && pulse_limit != 3;
        state_word <= {state_index, 16'h5AFE} ^ random_steps[31:0];
        if (seed__valid && seed__ready) {seeded, random_seed, random_steps} <= {1'b1, seed__payload, 64'd0};

        if (responses__ready || !responses__valid) begin
            responses__valid <= allowed != answered;
            responses__payload <= {1'b0, 16'h5EED, 16'hBEEF, {8'd0, data}, 16'h8000 | {8'd0, tag[answered]}};
            if (allowed != answered) begin
                data <= data + 1;
                if (data == length + (tag[answered] == 8'h55)) begin
                    data <= 0;
                    responses__payload <= {1'b1, 48'd0, tag[answered] == 8'h56 ? 8'h65 : tag[answered],
                                           form_key == 7 ? 4'd7 : status[answered], opcode[answered]};
                    again <= tag[answered] == 8'h57 && !again;
                    if (tag[answered] != 8'h57 || again) answered <= answered + 1;
                end
            end
        end

        if (plays) begin
            {report__cut, report__cycles[7:0], report__columns, report__row, report__polarity, report__valid,
             crossbar__columns, crossbar__row, crossbar__strobe, crossbar__select} <= word[31:3];
            crossbar__operation <= word[2:0] ? 5'd1 << (word[2:0] - 3'd1) : 5'd0; // the operations by their place: 3 is FORM
            {crossbar__convert, crossbar__whole, report__form} <= word[34:32];
            {code, level} <= word[43:35];
            {dac__side, dac__valid} <= word[45:44];
            {crossbar__group, crossbar__full_scale[2:0]} <= word[53:48];
            {dac__codes[15:8], dac__index} <= word[63:54];
            random_steps <= random_steps + 1;
        end
        if (accepted && !in_packet) begin
            opcode[taken] <= word[3:0];
            tag[taken] <= word[15:8];
            status[taken] <= settings_error ? 4'd5 : 4'd0;
            taken <= taken + 1;
            in_packet <= !last;
            dropping <= settings_error != 0;
            beat <= 0;
            if (last && !word[15]) allowed <= taken + 4'd1;
        end
        if (accepted && in_packet) begin
            beat <= beat + 1;
            if (last) begin
                {in_packet, dropping} <= 0;
                if (opcode[latest] == UPDATE && !dropping && beat != 15) status[latest] <= 4'd4;
                if (!(plays && word[47]) && !tag[latest][7]) allowed <= taken;
            end
        end
        if (abort_all || (plays && word[46])) begin
            if (!abort_all) fault <= 2'd2;
            for (i = 0; i < 16; i = i + 1) status[i] <= abort_all ? 4'd1 : 4'd2;
            allowed <= taken;
            dropping <= in_packet;
        end
        if (rst) {armed, seeded, taken, answered, allowed, in_packet, dropping, again, beat, data, responses__valid} <= 0;
        if (rst) {random_steps, random_seed, fault} <= 0;
    end
endmodule

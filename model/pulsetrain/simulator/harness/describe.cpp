// Tells what the compiler made of contract.h: a line of each member's place, of each number and of the configuration.
// Compiled by itself it needs nothing of the core.
#include <string>

#include "contract.h"

extern "C" __attribute__((visibility("default"))) const char *pulsetrain_describe() {
    static const std::string text = [] {
        std::string made;
        for (const Place &place : places)
            made += std::string(place.name) + " " + std::to_string(place.offset) + " " + std::to_string(place.size) + "\n";
        for (const Number &number : numbers) made += std::string(number.name) + " " + std::to_string(number.value) + "\n";
        return made;
    }();
    return text.c_str();
}

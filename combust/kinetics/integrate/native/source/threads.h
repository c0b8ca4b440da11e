// Work shared by threads, and what becomes of an exception: none may leave a thread or this library, for it would end
// the process.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <thread>
#include <vector>

// Runs work(i) for i of 0 to count, each in a thread, the first in this one; where the system grants fewer threads, those
// do the work of all, as they take it from one queue. What one of them throws is thrown when all have ended.
template <typename Task>
void in_threads(std::int64_t count, Task work) {
    std::vector<std::exception_ptr> thrown(count);
    std::vector<std::thread> others;
    others.reserve(count);
    const auto kept = [&](std::int64_t i) {
        try {
            work(i);
        } catch (...) {
            thrown[i] = std::current_exception();
        }
    };
    try {
        for (std::int64_t i = 1; i < count; i++) others.emplace_back(kept, i);
    } catch (const std::exception&) {
    }
    kept(0);
    for (auto& thread : others) thread.join();
    for (const auto& each : thrown)
        if (each) std::rethrow_exception(each);
}

enum Outcome : std::int64_t { DONE, NO_MEMORY, ELSE };  // see combust.kinetics.integrate.native.integrator

// What Python is told of a task: the only thing that it can throw is that there is no memory.
template <typename Task>
std::int64_t outcome_of(Task task) {
    try {
        task();
    } catch (const std::bad_alloc&) {
        return NO_MEMORY;
    }
    return DONE;
}

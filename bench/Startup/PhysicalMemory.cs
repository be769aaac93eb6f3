using System.Globalization;
using System.Runtime.InteropServices;

namespace AuthMesh.Bench.Startup;

/// <summary>
/// The memory that some processes hold together. A page that several of them share counts once. This is the sum of their proportional set
/// sizes (PSS) if they run alone on the machine: PSS would also divide a page among other .NET programs, such as this one.
/// </summary>
/// <param name="Own">Megabytes that only one of the processes holds, for each process.</param>
/// <param name="Shared">Megabytes that at least two of them hold.</param>
internal sealed record PhysicalMemory(IReadOnlyList<double> Own, double Shared)
{
    // proc_pid_pagemap(5): a page that is in memory, and one of a file or of shared memory.
    private const ulong PresentBit = 1UL << 63, FileBit = 1UL << 61;

    private static readonly int PageSize = Environment.SystemPageSize;

    public double Total => Own.Sum() + Shared;

    public static PhysicalMemory Of(IReadOnlyList<int> processes)
    {
        var own = new long[processes.Count];
        var holders = new Dictionary<(string File, long Page), int>(); // for each page of a file, a bit for each process
        foreach (var (index, process) in processes.Index())
        {
            own[index] += Read(process, page => holders[page] = holders.GetValueOrDefault(page) | 1 << index);
        }

        foreach (var holder in holders.Values.Where(int.IsPow2))
        {
            own[int.Log2(holder)]++;
        }

        return new([.. own.Select(Megabytes)], Megabytes(holders.Values.Count(holder => !int.IsPow2(holder))));
    }

    /// <returns>The pages in memory that belong to no file: other processes cannot share them.</returns>
    private static long Read(int process, Action<(string File, long Page)> note)
    {
        var (anonymous, mapping) = (0L, (Mapping?)null);
        using var pagemap = File.OpenHandle($"/proc/{process}/pagemap");
        foreach (var line in File.ReadLines($"/proc/{process}/smaps"))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (!words[0].EndsWith(':')) // the first line of a mapping; the others are its figures
            {
                mapping = Mapping.Parse(words);
                if (mapping.IsOfFile)
                {
                    anonymous += mapping.Read(pagemap, note);
                }
            }
            else if (words[0] == "Rss:" && !mapping!.IsOfFile)
            {
                anonymous += long.Parse(words[1], CultureInfo.InvariantCulture) * 1024 / PageSize;
            }
        }

        return anonymous;
    }

    private static double Megabytes(long pages) => pages * PageSize / (double)(1 << 20);

    /// <summary>A range of addresses. <paramref name="Offset"/> is the place of its beginning in the file.</summary>
    private sealed record Mapping(long Start, long End, long Offset, string File)
    {
        public bool IsOfFile => !File.EndsWith(":0", StringComparison.Ordinal); // without an inode

        // 7f1c2a000000-7f1c2a021000 r-xp 00001000 08:01 1234 /usr/lib/libc.so.6
        public static Mapping Parse(string[] words)
        {
            long Hexadecimal(string text) => long.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var range = words[0].Split('-');
            return new(Hexadecimal(range[0]), Hexadecimal(range[1]), Hexadecimal(words[2]), $"{words[3]}:{words[4]}");
        }

        /// <returns>The pages that are this process's own copies.</returns>
        public long Read(Microsoft.Win32.SafeHandles.SafeFileHandle pagemap, Action<(string File, long Page)> note)
        {
            var (pages, copies) = (new ulong[(End - Start) / PageSize], 0L);
            var read = RandomAccess.Read(pagemap, MemoryMarshal.AsBytes(pages.AsSpan()), Start / PageSize * sizeof(ulong));
            for (var page = 0; page < read / sizeof(ulong); page++)
            {
                if ((pages[page] & PresentBit) == 0)
                {
                    continue;
                }

                if ((pages[page] & FileBit) == 0)
                {
                    copies++;
                }
                else
                {
                    note((File, Offset / PageSize + page));
                }
            }

            return copies;
        }
    }
}

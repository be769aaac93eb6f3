using System.Buffers.Binary;
using System.Text;
using AuthMesh.Streams;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Streams;

/// <summary>
/// The gateway puts the Close frame between two frames of any service. It cuts the connection if a frame or a client never makes room.
/// </summary>
public sealed class FrameTests(StreamGateway mesh) : IClassFixture<StreamGateway>
{
    private static readonly byte[] Closed = [0x88, 15, 0x11, 0x31, .. "session_ended"u8];

    public static TheoryData<byte[][]> Frames => new(
        [[0x81, 0x00]],
        [[0x81, 0x05, .. "hello"u8]],
        [[0x01, 0x02, .. "he"u8], [0x00, 0x01, .. "l"u8], [0x80, 0x02, .. "lo"u8]], // one message in three frames
        [[0x82, 126, 0x01, 0x2C, .. new byte[300]]],
        [[0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70, .. new byte[70_000]]],
        [[0x89, 0x04, .. "ping"u8], [0x8A, 0x00]],
        [[0x82, 0x83, 1, 2, 3, 4, 5, 6, 7]]); // masked, which a server must not do: the client refuses it, the gateway counts on

    [Theory]
    [MemberData(nameof(Frames))]
    public void The_follower_finds_each_end_of_a_frame_in_any_cut(byte[][] frames)
    {
        byte[] all = [.. frames.SelectMany(frame => frame)];
        var ends = frames.Select((_, i) => frames.Take(i + 1).Sum(frame => frame.Length)).ToList();
        foreach (var part in new[] { 1, 2, 3, 7, 4096, all.Length })
        {
            var follower = new FrameFollower();
            var found = new List<int>();
            for (var at = 0; at < all.Length; at += part)
            {
                var bytes = all.AsSpan(at, Math.Min(part, all.Length - at));
                var passed = 0;
                while (passed < bytes.Length)
                {
                    if (follower.IsAtBoundary)
                    {
                        follower.Follow(bytes.Slice(passed++, 1));
                        Assert.False(follower.IsAtBoundary);
                    }

                    passed += follower.FollowToBoundary(bytes[passed..]);
                    if (follower.IsAtBoundary)
                    {
                        found.Add(at + passed);
                    }
                }
            }

            Assert.Equal(ends, found);
            Assert.False(follower.HasClosed);
        }
    }

    [Fact]
    public void The_follower_knows_a_Close_frame()
    {
        var follower = new FrameFollower();
        follower.Follow(Closed.AsSpan(0, Closed.Length - 1));
        Assert.False(follower.HasClosed);
        follower.Follow(Closed.AsSpan(Closed.Length - 1));
        Assert.True(follower.HasClosed);
    }

    [Fact]
    public async Task A_frame_under_way_is_completed_before_the_Close_frame()
    {
        var rest = new TaskCompletionSource();
        mesh.Service.OnSocket = async (stream, aborted) =>
        {
            await stream.WriteAsync(new byte[] { 0x01, 0x04, (byte)'h', (byte)'a' }, aborted);
            await rest.Task;
            await stream.WriteAsync("lf"u8.ToArray(), aborted);
            await Task.Delay(Timeout.Infinite, aborted);
        };
        var session = mesh.SignIn();
        using var socket = await RawSocket.OpenAsync(mesh.Caller.Address, session.Token);
        Assert.Equal("ha", Encoding.ASCII.GetString(await socket.ReadAsync(4), 2, 2));

        mesh.Identity.Tell("session-ended", new { sid = session.Id });
        rest.SetResult();

        byte[] expected = [.. "lf"u8, .. Closed];
        Assert.Equal(expected, await socket.ReadToEndAsync()); // between two fragments of a message
    }

    [Fact]
    public async Task A_frame_that_is_never_completed_does_not_keep_the_stream()
    {
        mesh.Service.OnSocket = async (stream, aborted) =>
        {
            await stream.WriteAsync(new byte[] { 0x81, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0 }, aborted); // huge
            await Task.Delay(Timeout.Infinite, aborted);
        };
        var session = mesh.SignIn();
        using var socket = await RawSocket.OpenAsync(mesh.Caller.Address, session.Token);
        await socket.ReadAsync(11);

        mesh.Identity.Tell("session-ended", new { sid = session.Id });

        Assert.Empty(await socket.ReadToEndAsync());
        await Patience.UntilAsync(() => mesh.Service.Open == 0);
    }

    [Fact]
    public async Task A_client_that_never_reads_does_not_keep_the_stream()
    {
        var (written, before) = (0, -1);
        mesh.Service.OnSocket = async (stream, aborted) =>
        {
            byte[] frame = [0x82, 126, 0xFF, 0x00, .. new byte[0xFF00]];
            while (!aborted.IsCancellationRequested)
            {
                await stream.WriteAsync(frame, aborted);
                Interlocked.Increment(ref written);
            }
        };
        var session = mesh.SignIn();
        using var socket = await RawSocket.OpenAsync(mesh.Caller.Address, session.Token, receiveBuffer: 4096);
        await Patience.UntilAsync(() => before == (before = Volatile.Read(ref written)) && before > 0); // the buffers on the way are full

        mesh.Identity.Tell("session-ended", new { sid = session.Id });

        await Patience.UntilAsync(() => mesh.Service.Open == 0);
        await socket.ReadToEndAsync(); // it ends, with what was on its way
    }

    [Fact]
    public async Task What_the_client_sends_after_the_end_does_not_reach_the_service()
    {
        var received = 0L;
        mesh.Service.OnSocket = async (stream, aborted) =>
        {
            var buffer = new byte[4096];
            while (await stream.ReadAsync(buffer, aborted) is > 0 and var read)
            {
                Interlocked.Add(ref received, read);
            }
        };
        var session = mesh.SignIn();
        using var socket = await RawSocket.OpenAsync(mesh.Caller.Address, session.Token);
        byte[] ping = [0x89, 0x84, 1, 2, 3, 4, 5, 6, 7, 8];
        await socket.SendAsync(ping);
        await Patience.UntilAsync(() => Interlocked.Read(ref received) == ping.Length);

        mesh.Identity.Tell("session-ended", new { sid = session.Id });
        var (opcode, payload) = await socket.ReadFrameAsync();
        Assert.Equal((8, 4401), (opcode, BinaryPrimitives.ReadUInt16BigEndian(payload)));
        await FloodAsync(socket, ping);

        await Patience.UntilAsync(() => mesh.Service.Open == 0);
        Assert.Equal(ping.Length, Interlocked.Read(ref received));
    }

    [Fact]
    public async Task A_flood_of_pings_and_wrongly_masked_frames_passes_and_ends_with_the_session()
    {
        mesh.Service.OnSocket = async (stream, aborted) => await stream.CopyToAsync(Stream.Null, aborted);
        var session = mesh.SignIn();
        using var socket = await RawSocket.OpenAsync(mesh.Caller.Address, session.Token);
        byte[] unmasked = [0x89, 0x04, 5, 6, 7, 8, 0xFF, 0xFF];
        var flood = FloodAsync(socket, unmasked);

        mesh.Identity.Tell("session-ended", new { sid = session.Id });

        var all = await socket.ReadToEndAsync();
        Assert.Equal(Closed, all);
        await flood;
    }

    [Fact]
    public async Task A_Close_frame_of_the_service_is_the_only_one()
    {
        byte[] own = [0x88, 2, 0x03, 0xE8];
        mesh.Service.OnSocket = async (stream, aborted) =>
        {
            await stream.WriteAsync(own, aborted);
            await Task.Delay(Timeout.Infinite, aborted);
        };
        var session = mesh.SignIn();
        using var socket = await RawSocket.OpenAsync(mesh.Caller.Address, session.Token);
        Assert.Equal(8, (await socket.ReadFrameAsync()).Opcode);

        mesh.Identity.Tell("session-ended", new { sid = session.Id });

        Assert.Empty(await socket.ReadToEndAsync());
    }

    /// <summary>Sends until the other side hangs up.</summary>
    private static async Task FloodAsync(RawSocket socket, byte[] frame)
    {
        byte[] many = [.. Enumerable.Repeat(frame, 100).SelectMany(bytes => bytes)];
        try
        {
            while (true)
            {
                await socket.SendAsync(many);
            }
        }
        catch (IOException)
        {
            // the gateway has cut the connection
        }
    }
}

using AuthMesh.Services;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Applications;

/// <summary>When a service asks for another token.</summary>
public sealed class ServiceTokenTests
{
    private readonly FakeTimeProvider clock = new();
    private int asked;
    private Exception? fault;
    private TaskCompletionSource? gate;

    [Fact]
    public async Task It_is_renewed_in_the_background_from_two_thirds_of_its_life_on()
    {
        var token = Create();

        Assert.Equal("token 1", await FindAsync(token));
        clock.Advance(TimeSpan.FromSeconds(399));
        Assert.Equal("token 1", await FindAsync(token));
        Assert.Equal(1, asked);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("token 1", await FindAsync(token));
        await Patience.UntilAsync(async () => await FindAsync(token) == "token 2");
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task Many_callers_cause_one_request()
    {
        gate = new TaskCompletionSource();
        var token = Create();

        var callers = Enumerable.Range(0, 20).Select(_ => FindAsync(token)).ToList();
        gate.SetResult();

        Assert.All(await Task.WhenAll(callers), value => Assert.Equal("token 1", value));
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task An_outage_takes_no_token_away_before_it_expires_and_is_asked_about_once_a_second()
    {
        var token = Create();
        await FindAsync(token);
        fault = new HttpRequestException("away");

        clock.Advance(TimeSpan.FromSeconds(500));
        for (var second = 0; second < 5; second++)
        {
            var before = asked;
            Assert.All(
                await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => FindAsync(token))), value => Assert.Equal("token 1", value));
            await Patience.UntilAsync(async () => await FindAsync(token) == "token 1" && asked == before + 1); // in the background
            Assert.Equal("token 1", await FindAsync(token));
            Assert.Equal(before + 1, asked);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        clock.Advance(TimeSpan.FromSeconds(95));
        Assert.Equal("away", (await Assert.ThrowsAsync<HttpRequestException>(() => FindAsync(token))).Message);
        fault = null;
        Assert.Equal($"token {asked + 1}", await FindAsync(token));
    }

    [Fact]
    public async Task A_refused_token_is_replaced_once_for_all_callers_and_not_within_a_second()
    {
        var token = Create();
        var first = await FindAsync(token);

        Assert.Equal(first, await FindAsync(token, refused: first)); // too new
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.All(
            await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => FindAsync(token, refused: first))),
            value => Assert.Equal("token 2", value));
        Assert.Equal("token 2", await FindAsync(token));
        clock.Advance(TimeSpan.FromSeconds(1));
        fault = new HttpRequestException("away");
        await Assert.ThrowsAsync<HttpRequestException>(() => FindAsync(token, refused: "token 2"));
        Assert.Equal("token 2", await FindAsync(token)); // another service may accept it
    }

    [Fact]
    public async Task A_caller_that_leaves_takes_nothing_from_the_others()
    {
        gate = new TaskCompletionSource();
        var token = Create();
        using var leaving = new CancellationTokenSource();
        var (left, stays) = (token.FindAsync(null, leaving.Token), FindAsync(token));

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        gate.SetResult();

        Assert.Equal("token 1", await stays);
    }

    private ServiceToken Create() => new(
        async () =>
        {
            if (gate is not null)
            {
                await gate.Task;
            }

            var number = Interlocked.Increment(ref asked);
            return fault is null ? new TokenAnswer($"token {number}", 600, null, null) : throw fault;
        },
        clock);

    private static Task<string> FindAsync(ServiceToken token, string? refused = null) =>
        token.FindAsync(refused, TestContext.Current.CancellationToken);
}

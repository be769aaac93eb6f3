using System.Net.Http.Json;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Throttling;
using static AuthMesh.Tests.Throttling.ThrottledMesh;

namespace AuthMesh.Tests.Emails;

/// <summary>The limits of guesses where an account has an address, and the limits of mails.</summary>
[Collection<OnThrottledMesh>]
public sealed class SharedLimitTests(ThrottledMesh mesh)
{
    private static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15), Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task Guesses_at_the_name_and_at_the_address_share_one_limit()
    {
        var (network, address) = (NewNetwork(), EmailCalls.NewAddress());
        var user = await mesh.SignUpAsync(NewNetwork());
        await mesh.Database.ProveAsync(user.UserId, address);
        await mesh.GuessAsync(4, user.Username, network);
        await mesh.GuessAsync(3, address, network);
        await mesh.GuessAsync(2, address.ToUpperInvariant(), network);
        var proof = await mesh.Database.AddProofAsync(user.UserId, "VerifyEmail", address);
        await mesh.Database.RequestAsync(user.UserId, address);
        (await VerifyAsync()).AssertError(403, "wrong_password"); // the tenth, by a link

        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, network), Quarter);
        AssertTooMany(await mesh.LoginAsync(address, user.Password, network), Quarter);
        AssertTooMany(await VerifyAsync(), Quarter);
        await mesh.SignInAsync(address, NewNetwork());

        Task<Answer> VerifyAsync() => mesh.Replica(1).SendAsync(
            HttpMethod.Post, "/email/verify", JsonContent.Create(new { token = proof, password = WrongPassword }), From(network));
    }

    [Fact]
    public async Task A_text_that_looks_like_an_id_does_not_count_against_that_user()
    {
        var network = NewNetwork();
        var user = await mesh.SignUpAsync(NewNetwork());
        await mesh.GuessAsync(10, user.UserId.ToString(), network);

        await mesh.SignInAsync(user.Username, network);
    }

    [Fact]
    public async Task Ten_proofs_a_day_are_mailed_for_one_account()
    {
        var user = await mesh.SignUpAsync(NewNetwork());
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(200, (await AskAsync(user)).Status);
        }

        AssertTooMany(await AskAsync(user), Day);
        Assert.Equal(200, (await AskAsync(await mesh.SignUpAsync(NewNetwork()))).Status);

        Task<Answer> AskAsync(SignedIn who) => mesh.Replica(0).SendAsync(
            HttpMethod.Post, "/account/email", JsonContent.Create(new { email = EmailCalls.NewAddress() }), request =>
            {
                From(NewNetwork())(request);
                request.Headers.Authorization = new("Bearer", who.Token);
            });
    }

    [Fact]
    public async Task Five_resets_a_day_are_mailed_to_one_address_and_twenty_an_hour_for_one_network()
    {
        var (user, address, network) = (await mesh.SignUpAsync(NewNetwork()), EmailCalls.NewAddress(), NewNetwork());
        await mesh.Database.ProveAsync(user.UserId, address);
        for (var i = 0; i < 8; i++)
        {
            await ForgetAsync(address, NewNetwork());
        }

        Assert.Equal(5, await SentAsync(address));

        var others = new List<string>();
        for (var i = 0; i < 23; i++)
        {
            var other = await mesh.SignUpAsync(NewNetwork());
            others.Add(EmailCalls.NewAddress());
            await mesh.Database.ProveAsync(other.UserId, others[^1]);
            await ForgetAsync(other.Username, network);
        }

        Assert.Equal(20, await SentAsync([.. others]));

        async Task ForgetAsync(string account, string from) => Assert.Equal(202, (await mesh.Replica(0).SendAsync(
            HttpMethod.Post, "/password/forgot", JsonContent.Create(new { account }), From(from))).Status);
    }

    [Fact]
    public async Task A_registration_beyond_the_limit_of_mails_succeeds_without_one()
    {
        var address = EmailCalls.NewAddress();
        var names = Enumerable.Range(0, 6).Select(_ => ProductionMesh.NewName()).ToArray();
        foreach (var name in names)
        {
            Assert.Equal(200, (await mesh.Replica(0).SendAsync(
                HttpMethod.Post, "/register",
                JsonContent.Create(new { username = name, password = SessionCalls.Password, email = address }),
                From(NewNetwork()))).Status);
        }

        Assert.Equal(5, await SentAsync(address));
        Assert.Equal(
            6, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE requested_email = $1", address));
    }

    /// <summary>Counts the mails to these addresses once every request was answered and the outbox is empty.</summary>
    private async Task<int> SentAsync(params string[] addresses)
    {
        await Patience.UntilAsync(async () => await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM mail_requests") == 0);
        await Patience.UntilAsync(async () => await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM mails WHERE address = ANY ($1)", (object)addresses) == 0);
        return addresses.Sum(address => mesh.Mails.To(address).Count);
    }
}

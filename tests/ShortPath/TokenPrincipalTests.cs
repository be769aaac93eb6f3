using System.Reflection;
using System.Security.Claims;
using System.Security.Cryptography;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.ShortPath;

public sealed class TokenPrincipalTests
{
    [Fact]
    public void Every_virtual_member_of_a_principal_is_overridden()
    {
        var members = typeof(ClaimsPrincipal).GetMethods(BindingFlags.Instance | BindingFlags.Public)
            .Where(member => member is { IsVirtual: true, IsFinal: false } && member.DeclaringType == typeof(ClaimsPrincipal)).ToList();
        Assert.NotEmpty(members);

        Assert.All(members, member => Assert.Equal(
            typeof(TokenPrincipal),
            typeof(TokenPrincipal).GetMethod(member.Name, [.. member.GetParameters().Select(parameter => parameter.ParameterType)])!
                .DeclaringType));
    }

    [Fact]
    public async Task Threads_that_ask_at_the_same_time_get_one_identity()
    {
        for (var round = 0; round < 50; round++)
        {
            var user = NewPrincipal();
            using var start = new Barrier(8);

            var seen = await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    return thread % 2 == 0 ? user.Identity : user.Claims.First().Subject;
                },
                TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

            Assert.Single(seen.Distinct());
        }
    }

    [Fact]
    public void The_names_of_the_caller_need_no_claims_and_follow_changed_ones()
    {
        var user = NewPrincipal();
        Assert.Equal(("forged", "user", user.Token.Subject.ToString()), (user.Username, user.Role, user.UserId));
        Assert.True(user.IsUntouched);

        var identity = (ClaimsIdentity)user.Identity!;
        Assert.False(user.IsUntouched);
        Assert.Equal(("forged", "user", user.Token.Subject.ToString()), (user.Username, user.Role, user.UserId));
        identity.RemoveClaim(identity.FindFirst("preferred_username"));
        identity.AddClaim(new Claim("preferred_username", "changed"));
        identity.RemoveClaim(identity.FindFirst("role"));
        identity.AddClaim(new Claim("role", "admin"));

        Assert.Equal(("changed", "admin"), (user.Username, user.Role));
        Assert.True(user.IsInRole("admin"));
        Assert.Equal("user", new TokenPrincipal(user.Token).Role); // the token itself is unchanged, and so is the next request
    }

    [Fact]
    public void A_copy_has_the_claims()
    {
        var user = NewPrincipal();
        var written = new MemoryStream();
        user.WriteTo(new BinaryWriter(written));
        written.Position = 0;

        foreach (var copy in new[] { user.Clone(), new ClaimsPrincipal(user), new ClaimsPrincipal(new BinaryReader(written)) })
        {
            Assert.Equal(user.Claims.Select(claim => claim.ToString()), copy.Claims.Select(claim => claim.ToString()));
            Assert.True(copy.IsInRole("user"));
        }
    }

    private static TokenPrincipal NewPrincipal()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var text = TestService.NewToken();
        Assert.Null(TokenShape.FindFault(text, out _, out var content));
        return new(new VerifiedToken(content, new ECDsaSecurityKey(key), new AuthMeshOptions()));
    }
}

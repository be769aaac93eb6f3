using AuthMesh.Identity;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Tokens;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Passwords;

/// <summary>Which new passwords are refused, and with which message.</summary>
public sealed class PasswordRulesTests(ProductionMesh mesh)
{
    private const string Length = "must be 8 to 256 characters";
    private const string Name = "is little more than your name. Choose one that nobody can make from it";
    private const string Product = "is little more than the name of this service. Choose one that nobody can make from it";
    private const string Common =
        "is one of the most common passwords, which are tried first. Choose another, for example several words that have nothing to do "
        + "with each other";

    public static TheoryData<string, string, string?> Rows => new()
    {
        { "carol", "short-7", Length },
        { "carol", new string('ä', 257), Length },
        { "carol", "12345678", Common },
        { "carol", "password", Common },
        { "carol", "PassWord123", Common },
        { "carol", "iLoveYou", Common },
        { "carol", "!~!1", Length },
        { "carol", "password124 ", null }, // the list ignores case, but neither trims nor respells
        { "carol", "pässword", null },
        { "carol", "12345678\n123456789", null },
        { "carolina", "Carolina", Name },
        { "carol", "carol2024!", Name },
        { "Carol", "...cAROL...", Name },
        { "carol", "lorac123", Name },
        { "carol", "carolcarol", Name },
        { "carol", "carol lorac carol", Name },
        { "carol", "my-carol", Name },
        { "carol", "🔑🔑🔑🔑🔑carol", Name },
        { "carol@example.com", "carol@example.com", Name },
        { "carol@example.com", "carol-1999", Name },
        { "bob", "bobbobbob", Name },
        { "carol", "carol sings", null },
        { "bob", "bobsleigh run", null },
        { "carol", "кароль-carol", null },
        { "a@b", "a-b-a-b-a-b", null }, // parts of one letter do not count as a name
        { "carol", "AuthMesh", Product },
        { "carol", "authmesh-2026", Product },
        { "carol", "hsemhtua!", Product },
        { "carol", "Harbour-1", Product }, // the client id below
        { "carol", "authmesh with words", null },
        { "carol", "correct horse", null },
        { "carol", "        ", null },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_password_of_a_wrong_length_or_common_or_made_from_a_name_is_refused(string username, string password, string? fault) =>
        Assert.Equal(fault, Rules(new PasswordOptions(), clientId: "harbour").FindFault(password, username));

    [Fact]
    public void Length_bounds_and_the_common_password_check_are_settings()
    {
        var longer = Rules(new PasswordOptions { MinimumLength = 15, MaximumLength = 64 });
        Assert.Equal("must be 15 to 64 characters", longer.FindFault("fourteen chars", "carol"));
        Assert.Null(longer.FindFault("fifteen chars !", "carol"));
        Assert.Null(longer.FindFault(string.Concat(Enumerable.Repeat("🔑", 64)), "carol"));
        Assert.NotNull(longer.FindFault(string.Concat(Enumerable.Repeat("🔑", 65)), "carol"));

        var lenient = Rules(new PasswordOptions { RefuseCommon = false });
        Assert.Null(lenient.FindFault("password123", "carol"));
        Assert.Equal(Name, lenient.FindFault("carol123", "carol"));
    }

    [Theory]
    [InlineData("true", false)]
    [InlineData("false", true)]
    public void Only_demo_mode_accepts_common_passwords(string demoUsers, bool refusesCommon)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = "Development" });
        builder.Configuration["Identity:DemoUsers"] = demoUsers;
        builder.Configuration["Identity:MasterKey"] = Convert.ToBase64String(new byte[32]);
        builder.Configuration["Identity:Database:ConnectionString"] = "Host=h;Database=d";
        builder.Services.AddIdentitySettings();
        var app = builder.Build();

        Assert.Equal(refusesCommon, app.Services.GetRequiredService<IOptions<PasswordOptions>>().Value.RefuseCommon);
    }

    private static PasswordRules Rules(PasswordOptions options, string clientId = "authmesh") =>
        new(options, new TokenOptions { ClientId = clientId });

    [Fact]
    public void The_common_password_list_is_sorted_distinct_lowercase_and_searchable()
    {
        var lines = File.ReadAllText(Path.Combine(Checkout.Root, "identity-service", "Passwords", "common-passwords.txt")).Split('\n');

        Assert.Equal("", lines[^1]); // the search finds the last word only if its line ends
        var words = lines[..^1];
        Assert.Equal(17_950, words.Length);
        Assert.Equal(words.Order(StringComparer.Ordinal).Distinct(), words);
        Assert.All(words, word => Assert.True(word.Length >= 8 && !word.Any(char.IsUpper), word));
        Assert.All(new[] { words[0], words[^1] }, word => Assert.True(CommonPasswords.Contains(word), word));
        Assert.False(CommonPasswords.Contains(words[0][1..]));
        Assert.False(CommonPasswords.Contains(words[^1] + "x"));
    }

    [Fact]
    public async Task A_refused_registration_names_the_broken_rule_and_stores_no_account()
    {
        var name = ProductionMesh.NewName();

        (await mesh.Gateway.RegisterAsync(name, "Password123")).AssertError(400, "invalid_request", $"password: {Common}", "password");
        (await mesh.Gateway.RegisterAsync(name, name.ToUpperInvariant()))
            .AssertError(400, "invalid_request", $"password: {Name}", "password");
        (await mesh.Gateway.RegisterAsync(name, "authmesh!")).AssertError(400, "invalid_request", $"password: {Product}", "password");
        (await mesh.Gateway.RegisterAsync("a b", "password")).AssertError(400, "invalid_request", fields: ["username", "password"]);

        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, "a good password")).Status);
    }

    [Fact]
    public async Task A_refused_password_change_names_the_broken_rule_and_changes_nothing()
    {
        var user = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, "Password123"))
            .AssertError(400, "invalid_request", $"new_password: {Common}", "new_password");
        (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, user.Username + "1"))
            .AssertError(400, "invalid_request", $"new_password: {Name}", "new_password");

        await mesh.Gateway.SignInAgainAsync(user);
        Assert.Equal(200, (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, "a good password")).Status);
    }
}

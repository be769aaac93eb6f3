using System.Net;
using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Tests.Pages;

/// <summary>No link of ours leads a person to another site.</summary>
[Collection<OnPages>]
public sealed class ReturnTests(PagesMesh mesh)
{
    [Theory]
    [InlineData("/me/security")]
    [InlineData("/orders?page=2&sort=a")]
    [InlineData("/a/%2f%2fb")]
    [InlineData("/")]
    public async Task A_sign_in_leads_to_a_place_of_this_origin(string place)
    {
        var (_, name) = await mesh.SignUpAsync();
        var visitor = mesh.Visit();
        var page = await visitor.GetAsync("/signin?return=" + Uri.EscapeDataString(place));
        Assert.Contains($"name=\"return\" value=\"{WebUtility.HtmlEncode(place)}\"", page.Text, StringComparison.Ordinal);

        var answer = await visitor.PostAsync("/signin", ("username", name), ("password", PagesMesh.Password), ("return", place));

        Assert.Equal((303, place), (answer.Status, answer.Header("Location")));
    }

    [Theory]
    [InlineData("//elsewhere.example")]
    [InlineData("/\\elsewhere.example")]
    [InlineData("\\\\elsewhere.example")]
    [InlineData("/a\\b")]
    [InlineData("https://elsewhere.example/")]
    [InlineData("https:elsewhere.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("elsewhere.example")]
    [InlineData("me")]
    [InlineData("/\t/elsewhere.example")]
    [InlineData("/\n/elsewhere.example")]
    [InlineData("/me\r\nSet-Cookie: a=b")]
    [InlineData(" /me")]
    [InlineData("/mé")]
    public async Task Any_other_place_is_ignored(string place)
    {
        var (_, name) = await mesh.SignUpAsync();
        var visitor = mesh.Visit();

        var page = await visitor.GetAsync("/signin?return=" + Uri.EscapeDataString(place));
        var answer = await visitor.PostAsync("/signin", ("username", name), ("password", PagesMesh.Password), ("return", place));

        Assert.Contains("name=\"return\" value=\"\"", page.Text, StringComparison.Ordinal);
        Assert.Equal((303, "/me"), (answer.Status, answer.Header("Location")));
    }

    [Fact]
    public void Two_places_are_none() => Assert.Null(ReturnPath.TryParse(new(["/me", "/me"])));
}

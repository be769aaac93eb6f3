using System.Net;
using AuthMesh.Identity.Applications;

namespace AuthMesh.Tests.Applications;

/// <summary>Where the service connects to tell applications of ended sessions.</summary>
public sealed class LogoutNetworkTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.255")]
    [InlineData("0.0.0.0")]
    [InlineData("10.0.0.1")]
    [InlineData("100.64.0.1")]
    [InlineData("100.100.100.200")] // the metadata of a cloud
    [InlineData("168.63.129.16")]
    [InlineData("169.254.169.254")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.192")]
    [InlineData("192.168.255.255")]
    [InlineData("198.18.0.1")]
    [InlineData("203.0.113.1")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::7f00:1")] // IPv4-compatible
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("64:ff9b::10.0.0.1")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("fe80::1")]
    [InlineData("fe80::1%1")]
    [InlineData("fec0::1")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")] // the metadata of a cloud
    [InlineData("ff02::1")]
    [InlineData("2001::1")] // Teredo
    [InlineData("2001:db8::1")]
    [InlineData("2002:a00:1::1")] // 6to4, with 10.0.0.1 inside
    [InlineData("3fff::1")]
    [InlineData("5f00::1")]
    public void An_inner_address_is_refused_unless_the_setting_has_it(string text)
    {
        var address = IPAddress.Parse(text);

        Assert.False(Networks().MayConnect(address, isEncrypted: true));
        Assert.False(Networks().MayConnect(address, isEncrypted: false));
        Assert.True(Networks("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1").MayConnect(address, isEncrypted: false));
    }

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("168.63.129.17")]
    [InlineData("169.253.255.255")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.167.255.255")]
    [InlineData("223.255.255.255")]
    [InlineData("::ffff:1.1.1.1")]
    [InlineData("64:ff9b::1.1.1.1")]
    [InlineData("2001:200::1")]
    [InlineData("2606:4700:4700::1111")]
    public void A_public_address_is_called_by_TLS_and_never_without_unless_the_setting_has_it(string text)
    {
        var address = IPAddress.Parse(text);

        Assert.True(Networks().MayConnect(address, isEncrypted: true));
        Assert.False(Networks().MayConnect(address, isEncrypted: false));
        Assert.False(Networks("10.0.0.0/8").MayConnect(address, isEncrypted: false));
        Assert.True(Networks("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1").MayConnect(address, isEncrypted: false));
    }

    [Fact]
    public void A_network_of_the_setting_ends_where_it_ends()
    {
        var networks = Networks("10.0.0.0/24", "10.0.1.7", "fd00:1::/32");

        Assert.All(
            (string[])["10.0.0.0", "10.0.0.255", "10.0.1.7", "::ffff:10.0.0.9", "fd00:1::5"],
            address => Assert.True(networks.MayConnect(IPAddress.Parse(address), isEncrypted: false), address));
        Assert.All(
            (string[])["10.0.1.0", "10.0.1.6", "10.0.1.8", "127.0.0.1", "fd00:2::5", "::1"],
            address => Assert.False(networks.MayConnect(IPAddress.Parse(address), isEncrypted: true), address));
    }

    [Theory]
    [InlineData("https://app.example.com/logout", true)]
    [InlineData("https://app.example.com:8443/logout?tenant=7", true)]
    [InlineData("https://1.1.1.1/logout", true)]
    [InlineData("http://app.example.com/logout", false)]
    [InlineData("http://1.1.1.1/logout", false)]
    [InlineData("https://127.0.0.1/logout", false)]
    [InlineData("https://[::1]/logout", false)]
    [InlineData("https://[::ffff:a00:1]/logout", false)]
    [InlineData("https://localhost/logout", false)]
    [InlineData("https://app.localhost/logout", false)]
    [InlineData("https://169.254.169.254/latest/meta-data/", false)]
    [InlineData("https://0x7f.1/logout", false)] // 127.0.0.1, in a form that some programs know
    [InlineData("https://2130706433/logout", false)]
    [InlineData("https://user@app.example.com/logout", false)]
    [InlineData("https://app.example.com/logout#x", false)]
    [InlineData("https://app.example.com", false)]
    [InlineData("https://APP.example.com/logout", false)]
    [InlineData("com.example.app:/logout", false)]
    [InlineData("gopher://app.example.com/", false)]
    [InlineData("file:///etc/passwd", false)]
    [InlineData("", false)]
    public void An_address_to_register_is_https_and_not_inner(string uri, bool isGood) =>
        Assert.Equal(isGood, LogoutUri.FindFault(uri, Networks()) is null);

    [Theory]
    [InlineData("http://10.0.0.7:8080/logout", true)]
    [InlineData("https://10.0.0.7/logout", true)]
    [InlineData("http://orders:8080/logout", true)] // each delivery checks where the name leads
    [InlineData("http://10.0.1.7/logout", false)]
    [InlineData("https://10.0.1.7/logout", false)]
    [InlineData("http://1.1.1.1/logout", false)]
    [InlineData("http://localhost/logout", false)]
    public void With_the_setting_also_http_in_its_networks(string uri, bool isGood) =>
        Assert.Equal(isGood, LogoutUri.FindFault(uri, Networks("10.0.0.0/24")) is null);

    [Theory]
    [InlineData("http://localhost:5000/logout", true)]
    [InlineData("http://127.0.0.1:5000/logout", true)]
    [InlineData("http://[::1]:5000/logout", true)]
    [InlineData("http://10.0.0.7/logout", false)]
    [InlineData("https://10.0.0.7/logout", false)]
    public void In_Development_also_http_on_this_machine(string uri, bool isGood) => Assert.Equal(
        isGood,
        LogoutUri.FindFault(uri, new LogoutNetworks(new BackchannelLogoutOptions(), isDevelopment: true)) is null);

    private static LogoutNetworks Networks(params string[] allowed)
    {
        var options = new BackchannelLogoutOptions();
        foreach (var network in allowed)
        {
            options.AllowedNetworks.Add(network);
        }

        return new LogoutNetworks(options, isDevelopment: false);
    }
}
